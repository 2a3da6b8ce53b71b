"""Vectors of pictures that no index version holds: uploads, and parts of pictures, that a review starts from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import Lock

import numpy as np

from app.errors import Conflict
from app.search.crops import Crop, squeezed
from app.search.ranking import Floats
from ml.artifacts import BadArtifact, EncoderManifest
from ml.encoder import Encoder
from ml.images import UnreadableImage, read_rgb


class EncoderGone(Conflict):
    """The encoder of this pool's vectors is gone, so only whole images of the pool can be started from."""


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
        TooSmall, and EncoderGone.
        """
        encoder = self._encoder(encoder_name, encoder_digest)
        at_least = encoder.at_least if crop is None else crop.short_side(encoder.at_least)
        picture = read_rgb(data, max_pixels=max_pixels, at_least=at_least)
        vector: Floats = encoder.encode([encoder.prepare(squeezed(crop.of(picture)) if crop else picture)])[0]
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
