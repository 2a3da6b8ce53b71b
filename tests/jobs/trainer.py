"""Stands in for the training itself: `python -m ml pretrain` as the app sees it, in a fraction of a second an epoch.

Told by STAYS_AT, a first attempt stays at an epoch until it is stopped; told by DIES_AFTER, it dies there.

An encoder is a copy of the one that comes along. All else that `python -m ml` does is done by the real one.
"""

from __future__ import annotations

from pathlib import Path

from app.settings import PROJECT

MAIN = r"""
import json, os, runpy, shutil, signal, sys, threading, time
from dataclasses import replace
from pathlib import Path

sys.path.remove(os.environ["PYTHONPATH"])
import ml

def option(name):
    return sys.argv[sys.argv.index(name) + 1]

def say(**event):
    print(json.dumps(event), flush=True)

def leave_with_parent():
    while os.read(0, 4096):
        pass
    os._exit(1)

def pretrain():
    threading.Thread(target=leave_with_parent, daemon=True).start()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    run = Path(option("--out"))
    images = len(Path(option("--images")).read_text().splitlines())
    settings = dict(sys.argv[at + 1].split("=") for at, word in enumerate(sys.argv) if word == "--set")
    epochs = int(settings["training.epochs"])
    state = run / "last.ckpt"
    done = int(state.read_text()) if state.exists() else 0
    say(event="note", message=f"It sees {images} images, from epoch {done}.")
    say(event="note", message=f"It writes to {run}.")
    print("a line of the log", file=sys.stderr)
    (run / "milestones").mkdir(exist_ok=True)
    for epoch in range(done + 1, epochs + 1):
        stays = done == 0 and os.environ.get("STAYS_AT") == str(epoch)
        if stopped.wait(None if stays else float(os.environ.get("EPOCH_S", "0.05"))):
            say(event="error", message="Stopped. The same command goes on where it was.")
            sys.exit(1)
        state.write_text(str(epoch))
        say(event="progress", phase="pretrain", done=epoch, total=epochs)
        say(event="figures", epoch=float(epoch), step=epoch, loss=float("nan") if epoch == 1 else 5 / epoch,
            rate=0.002, images_per_second=1234.5, seconds_left=(epochs - epoch) * 3600)
        if epoch % 2 == 0 or epoch == epochs:
            say(event="judged", epoch=epoch, rank_me=10.0 + epoch)
            milestone = run / "milestones" / f"epoch-{epoch:04d}.ckpt"
            milestone.write_text(str(epoch))
            say(event="artifact", kind="milestone", path=str(milestone), epochs=epoch)
        if os.environ.get("DIES_AFTER") == str(epoch):
            os.kill(os.getpid(), signal.SIGKILL)
    say(event="artifact", kind="run", path=str(run), epochs=epochs)

def export_encoder():
    from ml.artifacts import EncoderManifest, publishing
    shipped = Path(os.environ["SHIPPED_ENCODER"])
    epochs = int(Path(option("--checkpoint")).read_text())
    with publishing(Path(option("--out"))) as draft:
        shutil.copy(shipped / "encoder.onnx", draft)
        manifest = EncoderManifest.read(shipped)
        replace(manifest, name=option("--name"), epochs=epochs, created_at=str(time.time())).write(draft)

commands = {"pretrain": pretrain, "export-encoder": export_encoder}
if sys.argv[1] in commands:
    commands[sys.argv[1]]()
else:
    runpy.run_path(ml.__path__[1] + "/__main__.py", run_name="__main__")
"""


def install_trainer(folder: Path) -> dict[str, str]:
    """Put it into a folder, and return the environment in which the app's children find it there."""
    (folder / "ml").mkdir(parents=True)
    (folder / "ml" / "__init__.py").write_text(f"__path__.append({str(PROJECT / 'ml')!r})\n")
    (folder / "ml" / "__main__.py").write_text(MAIN)
    for trainer in ("torch", "torchvision", "lightly", "pytorch_lightning"):
        (folder / trainer).mkdir()
        (folder / trainer / "__init__.py").touch()
    return {
        "PYTHONPATH": str(folder),
        "SHIPPED_ENCODER": str(PROJECT / "ml" / "encoders" / "simclr-resnet18-96"),
    }
