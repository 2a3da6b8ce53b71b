"""Pretraining from a recipe and images to a folder of checkpoints; done again, it goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytorch_lightning as pl
import torch

from ml.errors import Refusal
from ml.pretraining.backbones import make_backbone
from ml.pretraining.checkpoints import Content, States
from ml.pretraining.feeding import Feed, Resident, Streaming, fits
from ml.pretraining.initial import identity_of, load_initial
from ml.pretraining.machine import Machine, machine_for, versions
from ml.pretraining.methods import Pretraining
from ml.pretraining.pool import Decoding, Pool, labelled_pool, pool_of
from ml.pretraining.ranks import Others, end_with_the_parent, rank_here, under_torchrun, wait_for_the_parent
from ml.pretraining.recipe import BadRecipe, Recipe, resolved
from ml.pretraining.run_folder import claimed, describe, refuse_another
from ml.pretraining.schedule import Schedule
from ml.pretraining.steering import Beginning, Steering
from ml.pretraining.stopping import PATIENCE_OF_OTHERS_S, StopRequest, terminated_as_interrupted
from ml.pretraining.telling import Teller
from ml.pretraining.trainer import Steps, make_trainer
from ml.pretraining.views import TwoViews
from ml.pretraining.watch import Watch
from ml.progress import Progress, Silence

# Threads that read pixels ahead: each has two batches in pinned memory.
_MOST_READERS = 8


class OutOfMemory(Refusal):
    """The memory of a GPU does not suffice."""


def pretrain(
    recipe: Recipe,
    images: Sequence[str],
    out: Path,
    *,
    initial: str | None = None,
    judge: str | None = None,
    streaming: bool | None = None,
    devices: int | None = None,
    decoding: Decoding,
    progress: Progress,
) -> None:
    """Train a backbone by the recipe, on images, into the folder `out`.

    Killed at any moment and called again, it ends with the checkpoints of a run that was never stopped. `initial` is
    what load_initial takes; `judge` names labelled images; `streaming` and `devices` are chosen where they are None.
    Raises Refusal, or OSError where a disk is full; what the folder holds then can be gone on with.
    """
    is_first = rank_here() == 0
    if not is_first:
        progress = Silence()
        if not under_torchrun():
            end_with_the_parent()
    # Until there is something to save, SIGTERM is Ctrl-C.
    with terminated_as_interrupted(), claimed(out) if is_first else nullcontext():
        states = States(out, keep=recipe.checkpoints.keep)
        state, damages = states.newest()
        for damage in damages:
            progress.note(f"{damage} The one before it is taken.")
        _check(recipe, state, initial, judge, devices)
        pool = pool_of(images, stored=recipe.views.stored, decoding=decoding, progress=progress)
        recipe = resolved(recipe, images=len(pool.images))
        machine = machine_for(recipe.training, devices)
        facts: Content = {
            "recipe": recipe.as_dict(),
            "precision": machine.precision,
            "images": len(pool.images),
            "fingerprint": pool.fingerprint,
            "initial": identity_of(initial) if initial else None,
            "versions": versions(),
        }
        if state is not None:
            refuse_another(out, state, facts)
        schedule = Schedule(
            seed=recipe.seed, images=len(pool.images), batch=int(recipe.training.batch), width=TwoViews.DRAWS
        )
        epochs = int(recipe.training.epochs)
        if state is not None and state["step"] == epochs * schedule.steps_per_epoch:
            progress.note(f"This run is finished: {out} holds all its {epochs:,} epochs.")
        else:
            for note in pool.notes:
                progress.note(note)
            if is_first:
                describe(out, facts, pool.left_out)
            module = _module(recipe, schedule, machine, state, initial, progress)
            watch = _watch(recipe, pool, judge, decoding, progress) if is_first else None
            _train(module, schedule, pool, machine, states, state, facts, watch, streaming, decoding, progress)
        progress.artifact("run", out, epochs=epochs)


def _check(recipe: Recipe, state: Content | None, initial: str | None, judge: str | None, devices: int | None) -> None:
    """Raise Refusal for what can be known before the pictures are decoded, which may take hours."""
    backbone, _ = make_backbone(recipe.network)
    if initial is not None and state is None:
        load_initial(backbone, recipe.network, initial)
    if recipe.training.batch != "auto":
        machine_for(recipe.training, devices)
    if judge is not None and recipe.watch.every_epochs == 0:
        raise BadRecipe("--judge is of no use where watch.every_epochs is 0: leave it out, or judge every few epochs.")
    if judge is not None and not judge.startswith("torchvision:") and not Path(judge).exists():
        raise BadRecipe(f"There are no labelled images at {judge} (--judge).")


def _module(
    recipe: Recipe, schedule: Schedule, machine: Machine, state: Content | None, initial: str | None, progress: Progress
) -> Pretraining:
    on_gpu = machine.accelerator == "cuda"
    module = Pretraining(
        recipe,
        steps_per_epoch=schedule.steps_per_epoch,
        compile=on_gpu,
        views_dtype=torch.float16 if on_gpu and machine.precision == "bf16-mixed" else torch.float32,
    )
    if state is not None:
        module.load_state_dict(state.pop("module"))
        progress.note(f"Going on at epoch {state['step'] / schedule.steps_per_epoch:.1f}.")
    elif initial is not None:
        progress.note(load_initial(module.backbone, recipe.network, initial))
    return module


def _watch(recipe: Recipe, pool: Pool, judge: str | None, decoding: Decoding, progress: Progress) -> Watch | None:
    if recipe.watch.every_epochs == 0:
        return None
    labelled = None
    if judge is not None:
        labelled = labelled_pool(
            judge, stored=recipe.views.stored, seed=recipe.seed, decoding=decoding, progress=progress
        )
    return Watch(recipe.watch, pool.pixels, labelled)


def _train(
    module: Pretraining,
    schedule: Schedule,
    pool: Pool,
    machine: Machine,
    states: States,
    state: Content | None,
    facts: Content,
    watch: Watch | None,
    streaming: bool | None,
    decoding: Decoding,
    progress: Progress,
) -> None:
    """Do the steps that are left. Every rank comes here; the first one alone writes and speaks."""
    is_first = rank_here() == 0
    start = 0 if state is None else int(state["step"])
    total = int(module.recipe.training.epochs) * schedule.steps_per_epoch
    others = Others(progress.error)

    def give_up() -> None:
        progress.error("Stopped. The same command goes on from the last checkpoint.")
        others.kill()

    # The other ranks leave it to the first to save, and end with it.
    request = (
        StopRequest(gives_up=give_up)
        if is_first
        else StopRequest(gives_up=give_up, worth_waiting=True, patience_s=PATIENCE_OF_OTHERS_S)
    )
    callbacks: list[pl.Callback] = [Beginning(state, request)]

    def feed(device: torch.device) -> Feed:
        if streaming or (streaming is None and not fits(pool.pixels, device, ranks=machine.devices)):
            threads = min(decoding.processes // machine.devices, _MOST_READERS)
            return Streaming(pool.pixels, schedule, device, threads=max(1, threads))
        return Resident(pool.pixels, schedule, device)

    with ExitStack() as ended:
        if is_first:
            teller = Teller(
                states.folder,
                progress,
                start=start,
                total=total,
                steps_per_epoch=schedule.steps_per_epoch,
                batch=schedule.batch,
                slow=machine.accelerator == "cpu",
            )
            ended.callback(teller.close)
            callbacks.append(
                Steering(
                    module,
                    total=total,
                    facts=facts | {"dimension": module.dimension},
                    states=states,
                    teller=teller,
                    watch=watch,
                    request=request,
                    progress=progress,
                )
            )
        ended.callback(request.done)
        try:
            make_trainer(machine, callbacks).fit(module, datamodule=Steps(feed, start, total))
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(_out_of_memory(module.recipe)) from error
        except SystemExit as error:
            # How Lightning passes an interrupt on.
            raise KeyboardInterrupt from error
        except (Refusal, OSError):
            raise
        except Exception:
            others.blame() if is_first else wait_for_the_parent()
            if request.asked:
                raise SystemExit(1) from None  # The first rank has said all there is to say.
            raise
        finally:
            others.kill()
            if machine.accelerator == "cuda":
                progress.note(f"Of the GPU's memory {torch.cuda.max_memory_reserved() / 2**30:.1f} GiB were taken.")


def _out_of_memory(recipe: Recipe) -> str:
    return (
        f"The GPU's memory does not suffice for a batch of {int(recipe.training.batch):,} images of "
        f"{recipe.views.side} pixels. Keep the pixels out of it with --streaming; or begin in another folder with a "
        "lower training.batch, or a lower views.side, by --set."
    )
