"""`python -m ml`: vectors and encoders from the command line, without the app."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path

from ml.artifacts import BadArtifact
from ml.images import BadList, read_list, write_list
from ml.progress import JsonLines, Progress, Terminal

_NAMED_AT_MOST = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, or 1 after a sentence that says why (2, by argparse: usage)."""
    # Before FAISS is loaded: threads that spin while they wait stall every other process.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = _parser().parse_args(arguments)
    if os.environ.get("WINNOW_EXIT_WITH_STDIN") == "1":
        threading.Thread(target=_exit_with_stdin, daemon=True).start()
    progress: Progress = Terminal() if options.progress == "text" else JsonLines()
    try:
        options.run(options, progress)
    except (BadArtifact, BadList) as error:
        progress.error(str(error))
    except BrokenPipeError:
        # Nobody listens any more; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        progress.error(_sentence(error))
    except KeyboardInterrupt:
        progress.error("Stopped. The same command goes on where it was.")
    except Exception:
        # The trace is for the log, which standard error is.
        traceback.print_exc()
        progress.error("Something went wrong that nobody foresaw; the log says what.")
    else:
        return 0
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml", description="Vectors of pictures, and what makes them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("embed", help="turn images into vectors; run again, it does what is left")
    command.add_argument("--encoder", type=Path, required=True, metavar="DIR", help="an encoder artifact")
    command.add_argument("--images", type=Path, required=True, metavar="PATH", help="a folder, or a list in JSON lines")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the vectors are gathered")
    command.add_argument("--reuse", type=Path, metavar="DIR", help="an index version whose vectors are taken over")
    command.add_argument("--threads", type=_positive, metavar="N", help="processor cores to use (default: all)")
    command.add_argument(
        "--max-pixels",
        type=_positive,
        default=100_000_000,
        metavar="N",
        help="leave out pictures with more (%(default)s)",
    )
    command.set_defaults(run=_embed)

    command = commands.add_parser("index", help="build an index version from finished vectors")
    command.add_argument("--vectors", type=Path, required=True, metavar="DIR", help="what embed has gathered")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the index version; must not exist yet")
    command.set_defaults(run=_index)

    command = commands.add_parser("export-encoder", help="make an encoder artifact of torch weights (`ml` extra)")
    command.add_argument(
        "--weights", type=Path, required=True, metavar="FILE", help=".safetensors, or a .pt state dict"
    )
    command.add_argument("--card", type=Path, required=True, metavar="FILE", help="TOML: what the weights do not say")
    command.add_argument("--model-card", type=Path, metavar="FILE", help="a README.md to lie beside the weights")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the artifact; must not exist yet")
    command.set_defaults(run=_export_encoder)

    for command in commands.choices.values():
        command.add_argument(
            "--progress",
            choices=["text", "json"],
            default="text" if sys.stdout.isatty() else "json",
            help="a bar, or JSON lines (default: a bar on a terminal)",
        )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


# The commands load their libraries when they run: FAISS, ONNX Runtime and torch would make `--help` take seconds.
def _embed(options: argparse.Namespace, progress: Progress) -> None:
    from ml.embed import embed  # noqa: PLC0415
    from ml.encoder import Encoder  # noqa: PLC0415
    from ml.folder import list_folder  # noqa: PLC0415

    threads = options.threads or os.cpu_count() or 1
    encoder = Encoder.open(options.encoder, threads=threads)
    walked = options.images.is_dir()
    images, unlisted = list_folder(options.images, progress) if walked else (read_list(options.images), [])
    left_out = embed(
        encoder,
        images,
        options.out,
        unlisted=unlisted,
        reuse=options.reuse,
        threads=threads,
        max_pixels=options.max_pixels,
        progress=progress,
    )
    if walked:
        write_list(options.out / "images.jsonl", images)
    for entry in left_out[:_NAMED_AT_MOST]:
        sys.stderr.write(f"{entry.path} {entry.reason}\n")
    looked_at = len({image.id for image in images}) + len(unlisted)
    progress.artifact("vectors", options.out, images=looked_at, left_out=len(left_out))


def _index(options: argparse.Namespace, progress: Progress) -> None:
    from ml.index import build_index  # noqa: PLC0415

    manifest = build_index(options.vectors, options.out, progress=progress)
    progress.artifact("index", options.out, vectors=manifest.count, left_out=manifest.left_out)


def _export_encoder(options: argparse.Namespace, progress: Progress) -> None:
    from ml.export_encoder import export_encoder  # noqa: PLC0415

    export_encoder(options.weights, options.card, options.out, model_card=options.model_card)
    progress.artifact("encoder", options.out)


def _sentence(error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return "The disk is full. Make room and run the same command again; what is stored already is kept."
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}."


def _exit_with_stdin() -> None:
    """Die with the parent, which holds the other end of standard input."""
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
