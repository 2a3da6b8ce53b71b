"""What can be judged: encoder artifacts, checkpoints, and runs, which are their milestones and the newest state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ml.artifacts import MANIFEST, BadArtifact, EncoderManifest, file_digest
from ml.encoder import AnyEncoder, Encoder
from ml.pretraining.checkpoints import LAST, MILESTONES, read_milestone
from ml.torch_encoder import TorchEncoder

_CHECKPOINT = ".ckpt"


@dataclass(frozen=True)
class Subject:
    """An encoder to judge, still on the disk."""

    path: Path
    run: Path | None = None  # the run that it is a stage of

    @property
    def is_checkpoint(self) -> bool:
        return self.path.suffix == _CHECKPOINT

    def digest(self) -> str:
        """Return the artifact's identity, or the SHA-256 of the checkpoint's bytes, in hex. Raises BadArtifact."""
        return file_digest(self.path) if self.is_checkpoint else EncoderManifest.read(self.path).digest

    def open(self, *, threads: int) -> AnyEncoder:
        """Load it: an artifact through ONNX Runtime, as it is used, a checkpoint through torch. Raises Refusal."""
        return TorchEncoder.open(self.path) if self.is_checkpoint else Encoder.open(self.path, threads=threads)


def subjects_in(paths: Sequence[Path]) -> list[Subject]:
    """Return what is to be judged, each once, a run's stages in the order of training. Raises Refusal."""
    found = dict.fromkeys(subject for path in paths for subject in _subjects(path))
    return list(found)


def _subjects(path: Path) -> list[Subject]:
    if path.is_file() and path.suffix == _CHECKPOINT:
        return [Subject(path)]
    if (path / MANIFEST).is_file():
        return [Subject(path)]
    stages = _stages(path)
    if not stages:
        raise BadArtifact(
            f"{path} is nothing that can be judged: name an encoder's folder, a checkpoint (.ckpt) or a run's folder "
            "that has a first checkpoint."
        )
    return [Subject(stage, run=path) for stage in stages]


def _stages(run: Path) -> list[Path]:
    milestones = sorted((run / MILESTONES).glob(f"*{_CHECKPOINT}"))
    last = run / LAST
    if not last.is_file():
        return milestones
    # A run that has ended ends with a milestone.
    ended = milestones and read_milestone(last).step <= read_milestone(milestones[-1]).step
    return milestones if ended else [*milestones, last]
