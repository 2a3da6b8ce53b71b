"""Pretraining from a recipe and images to a folder of checkpoints; done again, it goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl
import torch

from ml.errors import Refusal
from ml.pretraining.backbones import make_backbone
from ml.pretraining.checkpoints import Content, States
from ml.pretraining.feeding import Feed, Resident, Streaming, fits
from ml.pretraining.initial import TORCHVISION, identity_of, load_initial
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


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What is settled before the first step."""

    recipe: Recipe  # resolved
    pool: Pool
    schedule: Schedule
    machine: Machine
    facts: Content  # what every checkpoint says of its run
    states: States
    decoding: Decoding
    progress: Progress

    @property
    def steps(self) -> int:
        return int(self.recipe.training.epochs) * self.schedule.steps_per_epoch


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
        run = _Run(
            recipe=recipe,
            pool=pool,
            schedule=schedule,
            machine=machine,
            facts=facts,
            states=states,
            decoding=decoding,
            progress=progress,
        )
        if state is not None and state["step"] == run.steps:
            progress.note(f"This run is finished: {out} holds all its {recipe.training.epochs:,} epochs.")
        else:
            for note in pool.notes:
                progress.note(note)
            if is_first:
                describe(out, facts, pool.left_out)
            module = _module(run, state, initial)
            watch = _watch(run, judge) if is_first else None
            _train(run, module, state, watch, streaming)
        progress.artifact("run", out, epochs=int(recipe.training.epochs))


def _check(recipe: Recipe, state: Content | None, initial: str | None, judge: str | None, devices: int | None) -> None:
    """Raise Refusal for what can be known before the pictures are decoded, which may take hours."""
    backbone, _ = make_backbone(recipe.network)
    if initial is not None and state is None:
        load_initial(backbone, recipe.network, initial)
    if recipe.training.batch != "auto":
        machine_for(recipe.training, devices)
    if judge is not None and recipe.watch.every_epochs == 0:
        raise BadRecipe("--judge is of no use where watch.every_epochs is 0: leave it out, or judge every few epochs.")
    if judge is not None and not judge.startswith(TORCHVISION) and not Path(judge).exists():
        raise BadRecipe(f"There are no labelled images at {judge} (--judge).")


def _module(run: _Run, state: Content | None, initial: str | None) -> Pretraining:
    on_gpu = run.machine.accelerator == "cuda"
    module = Pretraining(
        run.recipe,
        steps_per_epoch=run.schedule.steps_per_epoch,
        compile=on_gpu,
        views_dtype=torch.float16 if on_gpu and run.machine.precision == "bf16-mixed" else torch.float32,
    )
    if state is not None:
        module.load_state_dict(state.pop("module"))
        run.progress.note(f"Going on at epoch {state['step'] / run.schedule.steps_per_epoch:.1f}.")
    elif initial is not None:
        run.progress.note(load_initial(module.backbone, run.recipe.network, initial))
    return module


def _watch(run: _Run, judge: str | None) -> Watch | None:
    recipe = run.recipe
    if recipe.watch.every_epochs == 0:
        return None
    labelled = None
    if judge is not None:
        stored, seed = recipe.views.stored, recipe.seed
        labelled = labelled_pool(judge, stored=stored, seed=seed, decoding=run.decoding, progress=run.progress)
    return Watch(recipe.watch, run.pool.pixels, labelled)


def _train(run: _Run, module: Pretraining, state: Content | None, watch: Watch | None, streaming: bool | None) -> None:
    """Do the steps that are left. Every rank comes here; the first one alone writes and speaks."""
    is_first = rank_here() == 0
    start = 0 if state is None else int(state["step"])
    on_gpu = run.machine.accelerator == "cuda"
    others = Others(run.progress.error)

    def give_up() -> None:
        run.progress.error("Stopped. The same command goes on from the last checkpoint.")
        others.kill()

    # The other ranks leave it to the first to save, and end with it.
    request = (
        StopRequest(gives_up=give_up)
        if is_first
        else StopRequest(gives_up=give_up, worth_waiting=True, patience_s=PATIENCE_OF_OTHERS_S)
    )
    callbacks: list[pl.Callback] = [Beginning(state, request)]
    with ExitStack() as ended:
        if is_first:
            teller = Teller(
                run.states.folder,
                run.progress,
                start=start,
                total=run.steps,
                steps_per_epoch=run.schedule.steps_per_epoch,
                batch=run.schedule.batch,
                slow=not on_gpu,
            )
            ended.callback(teller.close)
            callbacks.append(
                Steering(
                    module,
                    total=run.steps,
                    facts=run.facts | {"dimension": module.dimension},
                    states=run.states,
                    teller=teller,
                    watch=watch,
                    request=request,
                    progress=run.progress,
                )
            )
        ended.callback(request.done)
        steps = Steps(lambda device: _feed(run, device, streaming), start, run.steps)
        try:
            make_trainer(run.machine, callbacks).fit(module, datamodule=steps)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(_out_of_memory(run.recipe)) from error
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
            if on_gpu:
                taken = torch.cuda.max_memory_reserved() / 2**30
                run.progress.note(f"Of the GPU's memory {taken:.1f} GiB were taken.")


def _feed(run: _Run, device: torch.device, streaming: bool | None) -> Feed:
    if streaming or (streaming is None and not fits(run.pool.pixels, device, ranks=run.machine.devices)):
        threads = min(run.decoding.processes // run.machine.devices, _MOST_READERS)
        return Streaming(run.pool.pixels, run.schedule, device, threads=max(1, threads))
    return Resident(run.pool.pixels, run.schedule, device)


def _out_of_memory(recipe: Recipe) -> str:
    return (
        f"The GPU's memory does not suffice for a batch of {int(recipe.training.batch):,} images of "
        f"{recipe.views.side} pixels. Keep the pixels out of it with --streaming; or begin in another folder with a "
        "lower training.batch, or a lower views.side, by --set."
    )
