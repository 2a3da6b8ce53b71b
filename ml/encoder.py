"""A published encoder at work: pictures in, unit vectors out. ONNX Runtime only, no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.artifacts import BadArtifact, EncoderManifest
from ml.framing import Framing

WEIGHTS = "encoder.onnx"
INPUT, OUTPUT = "images", "vectors"


class AnyEncoder(Protocol):
    """An encoder at work: Encoder, or ml.torch_encoder's."""

    manifest: EncoderManifest
    framing: Framing
    batch: int  # so many pictures are best encoded at once

    @property
    def at_least(self) -> int: ...
    def prepare(self, image: Image.Image) -> npt.NDArray[np.uint8]: ...
    def encode(self, prepared: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]: ...


class Encoder:
    """An encoder artifact, opened. Threads may share it."""

    def __init__(self, manifest: EncoderManifest, session: Any) -> None:
        self.manifest = manifest
        self.framing = Framing.of(manifest)
        self._session = session
        on_gpu = session.get_providers()[0].startswith("CUDA")
        self.batch = 256 if on_gpu else 32

    @classmethod
    def open(cls, folder: Path, *, threads: int | None = None) -> Self:
        """Verify an artifact and load it, on the GPU where ONNX Runtime has one, else on `threads` cores (all).

        Raises BadArtifact.
        """
        # Official builds tell Microsoft of every session, unless this is set before they are loaded.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        # Heavy, and a process that only prepares pictures does without.
        import onnxruntime  # noqa: PLC0415

        manifest = EncoderManifest.read(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 3
        # Threads that spin while they wait starve whatever else runs on the same cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
        try:
            session = onnxruntime.InferenceSession(folder / WEIGHTS, options, providers=providers)
        # ONNX Runtime's errors share no base but Exception.
        except Exception as error:
            raise BadArtifact(f"ONNX Runtime cannot load the encoder {folder}: {error}.") from error
        shapes = [tensor.shape[1:] for tensor in (*session.get_inputs(), *session.get_outputs())]
        if shapes != [[3, *manifest.input_size], [manifest.dimension]]:
            raise BadArtifact(f"The encoder {folder} is not the network that its manifest describes.")
        return cls(manifest, session)

    @property
    def at_least(self) -> int:
        """The short side to which a picture may be reduced while it is decoded without changing its vector."""
        return self.framing.at_least

    def prepare(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        """Return what the network sees of an RGB picture: (3, height, width), its centre at the right scale."""
        return self.framing.prepare(image)

    def encode(self, prepared: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """Return a unit vector for each prepared picture: float32 (n, dimension).

        A row is all NaN where the network gave zeros or values that are not finite.
        """
        mean, std = (np.array(v, dtype=np.float32)[:, None, None] for v in (self.manifest.mean, self.manifest.std))
        vectors = np.empty((len(prepared), self.manifest.dimension), dtype=np.float32)
        for start in range(0, len(prepared), self.batch):
            pixels = np.stack(prepared[start : start + self.batch]).astype(np.float32)
            (output,) = self._session.run([OUTPUT], {INPUT: (pixels / 255 - mean) / std})
            vectors[start : start + self.batch] = output
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        usable = np.isfinite(lengths) & (lengths > 0)
        return np.where(usable, vectors / np.where(usable, lengths, 1), np.float32(np.nan))
