"""Listed images made ready for a network, by many cores at once and in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ml.errors import Refusal
from ml.framing import Framing
from ml.images import ListedImage, UnreadableImage
from ml.originals import original_rgb

Pixels = npt.NDArray[np.uint8]  # (3, height, width)
Result = TypeVar("Result")

# Handing over one image at a time would keep the interpreter that feeds a GPU busy with that alone.
_AT_ONCE = 16


class WorkerLost(Refusal):
    """A process that decodes images was ended."""


def prepare_all(
    images: Iterable[ListedImage], framing: Framing, *, max_pixels: int, workers: Executor, ahead: int
) -> Iterator[tuple[ListedImage, Pixels | UnreadableImage]]:
    """Yield each image, in order, with what the network sees of it, or the reason why it sees nothing.

    About `ahead` images are worked on or wait to be taken. Raises WorkerLost.
    """
    return in_order(partial(_attempt, framing=framing, max_pixels=max_pixels), images, workers=workers, ahead=ahead)


def in_order(
    function: Callable[[ListedImage], Result], images: Iterable[ListedImage], *, workers: Executor, ahead: int
) -> Iterator[tuple[ListedImage, Result]]:
    """Yield each image, in order, with what the function makes of it, as prepare_all does. Raises WorkerLost."""
    pending: deque[tuple[list[ListedImage], Future[list[Result]]]] = deque()
    remaining = iter(images)
    try:
        while True:
            while len(pending) * _AT_ONCE < ahead and (portion := list(islice(remaining, _AT_ONCE))):
                pending.append((portion, workers.submit(_each, function, portion)))
            if not pending:
                return
            portion, future = pending.popleft()
            yield from zip(portion, future.result(), strict=True)
    except BrokenProcessPool as error:
        raise WorkerLost(
            "A process that decodes pictures was ended, as the system does when memory runs out: "
            "run the same command again, with fewer --threads."
        ) from error


@contextmanager
def decoders(count: int, *, processes: bool) -> Iterator[Executor]:
    """Give so many workers for prepare_all; at the end, what they have not begun is dropped.

    Threads suffice for ONNX Runtime on the same cores, because Pillow lets go of the interpreter while it decodes and
    resizes. A GPU is fed by processes.
    """
    # Not forked: the parent has threads, and may hold a GPU.
    spawned = multiprocessing.get_context("spawn")
    workers: Executor = (
        ProcessPoolExecutor(count, spawned, initializer=_follow_the_parent) if processes else ThreadPoolExecutor(count)
    )
    try:
        yield workers
    finally:
        workers.shutdown(cancel_futures=True)


def _each(function: Callable[[ListedImage], Result], images: list[ListedImage]) -> list[Result]:
    return [function(image) for image in images]


def _attempt(image: ListedImage, *, framing: Framing, max_pixels: int) -> Pixels | UnreadableImage:
    try:
        return framing.prepare(original_rgb(image, max_pixels=max_pixels, at_least=framing.at_least))
    except UnreadableImage as error:
        return error


def _follow_the_parent() -> None:
    """Leave an interrupt from the keyboard to the parent, and die when it dies, even of SIGKILL."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_the_parent, daemon=True).start()


def _die_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
