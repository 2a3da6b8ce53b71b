"""Vectors of pictures that no index version holds: uploads, and parts of pictures, that a review starts from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore, Lock

import numpy as np

from app.errors import Conflict, Unavailable
from app.search.crops import Crop, squeezed
from app.search.ranking import Floats
from ml.artifacts import BadArtifact, EncoderManifest
from ml.encoder import Encoder
from ml.images import UnreadableImage, read_rgb

_ONE = Lock()
_PLACES = BoundedSemaphore(4)
_PATIENCE_S = 2


class EncoderGone(Conflict):
    """The encoder of this pool's vectors is gone, so only whole images of the pool can be started from."""


class TooManyPictures(Unavailable):
    """Too many pictures are being looked at just now; try again in a few seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.headers["Retry-After"] = "5"


@contextmanager
def decoding() -> Iterator[None]:
    """Let few requests decode a picture that a person chose, and one at a time. Raises TooManyPictures.

    A small file may hold a picture that takes two gigabytes. Those who wait keep others from being answered.
    """
    if not _PLACES.acquire(timeout=_PATIENCE_S):
        raise TooManyPictures
    try:
        with _ONE:
            yield
    finally:
        _PLACES.release()


class EncoderShelf:
    """The encoders of index versions, each loaded when it is first needed. Threads may share the shelf."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self._loaded: dict[str, Encoder] = {}
        self._loading = Lock()

    def vector(
        self, encoder_name: str, encoder_digest: str, data: bytes, crop: Crop | None = None, *, max_pixels: int
    ) -> Floats:
        """Return the unit vector (d,) of a picture's bytes, comparable with those of the encoder's index versions.

        With `crop`, of this part of it. Raises UnreadableImage for what is no picture or shows nothing to compare,
        TooSmall, TooManyPictures and EncoderGone.
        """
        encoder = self._encoder(encoder_name, encoder_digest)
        at_least = encoder.at_least if crop is None else crop.short_side(encoder.at_least)
        with decoding():
            picture = read_rgb(data, max_pixels=max_pixels, at_least=at_least)
            prepared = encoder.prepare(squeezed(crop.of(picture)) if crop else picture)
        vector: Floats = encoder.encode([prepared])[0]
        if not np.isfinite(vector).all():
            raise UnreadableImage("shows nothing that the encoder could compare others with")
        return vector

    def _encoder(self, name: str, digest: str) -> Encoder:
        with self._loading:
            if digest not in self._loaded:
                self._loaded[digest] = self._load(name, digest)
            return self._loaded[digest]

    def _load(self, name: str, digest: str) -> Encoder:
        for folder in self._folders:
            try:
                # By the digest: an encoder that took the name over later makes vectors of another kind.
                if EncoderManifest.read(folder / name, verify=False).digest == digest:
                    return Encoder.open(folder / name)
            except BadArtifact:
                continue
        raise EncoderGone
