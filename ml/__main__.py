"""`python -m ml`: encoders and vectors from the command line, without the app."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import threading
import traceback
from collections.abc import Sequence

from ml.commands import embed, evaluate, export_encoder, index, map, pretrain
from ml.errors import Refusal
from ml.progress import JsonLines, Progress

# They load their libraries when they run: FAISS, ONNX Runtime and torch would make `--help` take seconds.
_COMMANDS = {
    "pretrain": pretrain,
    "evaluate": evaluate,
    "export-encoder": export_encoder,
    "embed": embed,
    "index": index,
    "map": map,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, or 1 after a sentence that says why (2, by argparse: usage)."""
    # Before FAISS is loaded: threads that spin while they wait stall every other process.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = _parser().parse_args(arguments)
    if os.environ.get("WINNOW_EXIT_WITH_STDIN") == "1":
        threading.Thread(target=_exit_with_stdin, daemon=True).start()
    progress = _progress(options.progress)
    try:
        options.run(options, progress)
    except Refusal as error:
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


def _progress(form: str) -> Progress:
    if form == "json":
        return JsonLines()
    from ml.terminal import Terminal  # noqa: PLC0415

    return Terminal()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml", description="Encoders, vectors of pictures, and maps of them."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module in _COMMANDS.items():
        assert module.__doc__ is not None
        command = commands.add_parser(name, help=module.__doc__[0].lower() + module.__doc__[1:].rstrip("."))
        module.add_arguments(command)
        command.add_argument(
            "--progress",
            choices=["text", "json"],
            default="text" if sys.stdout.isatty() else "json",
            help="a bar, or JSON lines (default: a bar on a terminal)",
        )
        command.set_defaults(run=module.run)
    return parser


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
