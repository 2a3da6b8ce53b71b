"""Index versions at work: vectors that stay in their file, mapped, and the scoring of all of them."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from app.errors import Conflict
from app.search.ranking import REMEMBERED, Examples, Floats, PoolStatistics, learned_direction
from ml.artifacts import BadArtifact, IndexManifest

# So many of the last scores are kept for each index version, and so many bytes of them at most.
_SCORES_KEPT, _BYTES_KEPT = 64, 64 * 1024**2

# Mapped pages belong to the system, which takes them back when memory runs short; this bounds how many are asked for.
_BUDGET = 4 * 1024**3


class IndexUnusable(Conflict):
    """This index version is missing or damaged; reindex the pool to get a new one."""


class Learned(NamedTuple):
    """What verdicts taught, and how all images score by it."""

    examples: Examples
    direction: Floats  # (d,), read-only like the scores
    scores: Floats  # (n,)


class ServedIndex:
    """An index version, opened. It never changes, and threads may share it.

    `digests` (n, 32) uint8 holds the SHA-256 of each row's image. `stacks` (n,) holds the row of each row's leader, the
    image that its stack of near-identical ones is gathered around: its own row if it is alone, or if the version was
    built without looking for stacks. `stacked` are the rows of all images that are not alone, rising.

    `vectors` (n, d) is read-only and no copy but the mapped file, where it begins at an odd address: take rows of it
    freely, but leave products to `score`, for NumPy would first copy it whole. It stays valid as long as anybody holds
    it.
    """

    def __init__(
        self,
        manifest: IndexManifest,
        index: Any,
        digests: NDArray[np.uint8],
        stacks: NDArray[np.int32],
        pool: PoolStatistics,
    ) -> None:
        self.manifest = manifest
        self.digests = digests
        self.stacks = stacks
        self.stacked = np.flatnonzero(np.bincount(stacks)[stacks] > 1)
        self.vectors: Floats = np.asarray(_Mapped(index))
        self.pool = pool
        self._index = index
        self._learned: OrderedDict[tuple[bytes, ...], tuple[Floats, Floats]] = OrderedDict()
        self._learning = Lock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map an index version. Its checksums are not compared again: that was done before it was first served.

        Raises BadArtifact if a file is missing, cut short, or not of the kind and shape that the manifest says.
        """
        manifest = IndexManifest.read(folder, verify=False)
        try:
            index = faiss.read_index(str(folder / "index.faiss"), faiss.IO_FLAG_MMAP_IFC)
            digests = np.load(folder / "images.npy")
            stacks = _stacks(folder, manifest)
            with (folder / "statistics.npz").open("rb") as file:
                statistics = np.load(file)
                pool = PoolStatistics(statistics["mean"], statistics["covariance"], manifest.count)
        # For a damaged file FAISS raises RuntimeError; NumPy, by the place of the damage, nearly anything.
        except Exception as error:
            raise BadArtifact(f"The index version {folder} is damaged: a file cannot be read.") from error
        if not isinstance(index, faiss.IndexFlat) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise BadArtifact(f"The index version {folder} is not a flat index over inner products.")
        count, dimension = manifest.count, manifest.dimension
        shapes = [(index.ntotal, index.d), digests.shape, pool.mean.shape, pool.covariance.shape]
        if shapes != [(count, dimension), (count, 32), (dimension,), (dimension, dimension)]:
            raise BadArtifact(f"The index version {folder} does not hold {count} vectors of {dimension} numbers.")
        if not _lead(stacks, count):
            raise BadArtifact(f"The index version {folder} does not say which images are near-identical.")
        return cls(manifest, index, digests, stacks, pool)

    def score(self, direction: Floats) -> Floats:
        """Return the inner product (n,) of every vector with `direction` (d,)."""
        count, dimension = self.vectors.shape
        if direction.shape != (dimension,):
            raise ValueError(f"A direction of shape {direction.shape} cannot rank vectors of {dimension} numbers.")
        direction = np.ascontiguousarray(direction, dtype=np.float32)
        scores = np.empty(count, dtype=np.float32)
        # FAISS's own kernel reads from any address, holds no GIL, and keeps up with the memory in a single thread.
        faiss.fvec_inner_products_ny(  # type: ignore[attr-defined]
            faiss.swig_ptr(scores), faiss.swig_ptr(direction), self._index.get_xb(), dimension, count
        )
        return scores

    def learned(
        self, *, query: Floats, unwanted: Floats, accepted: NDArray[np.int64], rejected: NDArray[np.int64]
    ) -> Learned:
        """Return what is learned from the vectors `query` (q, d) and `unwanted` (u, d) and from rows with verdicts.

        The latest verdict stands last. The same question comes again soon: of a look ahead, of the page that follows,
        of what is to be expected then. So the last answers are kept.
        """
        accepted, rejected = accepted[-REMEMBERED:], rejected[-REMEMBERED:]
        examples = Examples(
            query=query,
            accepted=self.vectors[accepted],
            # Unwanted ones last, so that they are remembered however many rejects there are.
            rejected=np.concatenate([self.vectors[rejected], unwanted]),
        )
        key = (query.tobytes(), unwanted.tobytes(), accepted.tobytes(), rejected.tobytes())
        with self._learning:
            if (known := self._learned.get(key)) is not None:
                self._learned.move_to_end(key)
                return Learned(examples, *known)
        # Made outside the lock: whoever asks for something else meanwhile does not wait.
        direction = learned_direction(**examples, pool=self.pool)
        scores = self.score(direction)
        direction.flags.writeable = scores.flags.writeable = False
        with self._learning:
            self._learned[key] = direction, scores
            while len(self._learned) > max(1, min(_SCORES_KEPT, _BYTES_KEPT // max(1, scores.nbytes))):
                self._learned.popitem(last=False)
        return Learned(examples, direction, scores)

    def stack_of(self, row: int) -> NDArray[np.intp]:
        """Return the rows of the stack that a row belongs to, itself among them, rising; it alone if it is in none."""
        members = self.stacked[self.stacks[self.stacked] == self.stacks[row]]
        return members if len(members) else np.array([row], dtype=np.intp)


def _stacks(folder: Path, manifest: IndexManifest) -> NDArray[np.int32]:
    if "stacks.npy" not in manifest.files:
        return np.arange(manifest.count, dtype=np.int32)
    stacks: NDArray[np.int32] = np.load(folder / "stacks.npy")
    return stacks


def _lead(stacks: NDArray[np.int32], count: int) -> bool:
    """Whether every row has a leader, who is its own."""
    whole = stacks.shape == (count,) and stacks.dtype == np.int32 and stacks.min() >= 0 and stacks.max() < count
    return bool(whole and np.array_equal(stacks[stacks], stacks))


class IndexShelf:
    """The index versions that this process has open, the least recently used closed beyond a budget of bytes.

    What is closed here stays mapped until the last request that holds it is done. Threads may share the shelf.
    """

    def __init__(self, root: Path, *, budget: int = _BUDGET) -> None:
        self._root = root
        self._budget = budget
        self._opened: OrderedDict[str, ServedIndex] = OrderedDict()
        self._changing = Lock()
        self._opening: defaultdict[str, Lock] = defaultdict(Lock)

    def open(self, artifact: str) -> ServedIndex:
        """Return the index version in the folder `artifact` of the root, opened once for all who ask.

        Raises IndexUnusable.
        """
        with self._changing:
            opening = self._opening[artifact]
        # Others wait for this artifact only.
        with opening:
            index = self._opened.get(artifact) or self._open(artifact)
            with self._changing:
                self._opened[artifact] = index
                self._opened.move_to_end(artifact)
                self._close_unused()
        return index

    def _open(self, artifact: str) -> ServedIndex:
        try:
            return ServedIndex.open(self._root / artifact)
        except BadArtifact as problem:
            raise IndexUnusable from problem

    def _close_unused(self) -> None:
        while len(self._opened) > 1 and self._bytes() > self._budget:
            self._opened.popitem(last=False)

    def _bytes(self) -> int:
        return sum(index.vectors.nbytes for index in self._opened.values())


class _Mapped:
    """Shows NumPy the memory of a flat index, and keeps the index for as long as an array looks at it."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.__array_interface__ = {
            "version": 3,
            "typestr": "<f4",
            "shape": (index.ntotal, index.d),
            "data": (int(index.get_xb()), True),  # read-only: the file never changes
        }
