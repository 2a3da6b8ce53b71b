"""An encoder artifact or a checkpoint at work through torch: pictures in, unit vectors out, on every GPU there is."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

from ml.artifacts import EncoderManifest, checksums
from ml.errors import Refusal
from ml.framing import Framing
from ml.onnx_network import torch_weights
from ml.pretraining.backbones import make_backbone
from ml.pretraining.checkpoints import Milestone, read_milestone
from ml.pretraining.initial import fill

_BATCH = {"cuda": 512, "cpu": 32}  # for each device


class NoRoom(Refusal):
    """The memory of a GPU does not suffice."""


class TorchEncoder:
    """What ml.encoder.Encoder does, with the same members, for one thread.

    On a GPU it computes in float16: as quick as bfloat16, and within 1e-3 of ONNX Runtime's numbers, where bfloat16
    strays by 6e-3. Batches have one size, the last being filled up, so that no vector depends on their number.
    """

    def __init__(
        self,
        manifest: EncoderManifest,
        backbone: nn.Module,
        devices: Sequence[torch.device] = (),
        *,
        dtype: torch.dtype | None = None,
        compiled: bool | None = None,
    ) -> None:
        """Put a copy of the backbone on each of the devices, of one kind: every GPU, or the CPU where there is none.

        `dtype` is that of the arithmetic. Compiling, which GPUs are worth unless told otherwise, takes half a minute.
        """
        devices = devices or [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
        self._devices = list(devices or [torch.device("cpu")])
        on_gpu = self._devices[0].type == "cuda"
        self._dtype = dtype or (torch.float16 if on_gpu else torch.float32)
        self.manifest = manifest
        self.framing = Framing.of(manifest)
        self.batch = _BATCH[self._devices[0].type] * len(self._devices)
        self._pixels = torch.zeros((self.batch, 3, *manifest.input_size), dtype=torch.uint8, pin_memory=on_gpu)
        with _room():
            self._replicas = [_Replica(copy.deepcopy(backbone), manifest).to(device) for device in self._devices]
        if compiled or (compiled is None and on_gpu):
            for replica in self._replicas:
                replica.compile(dynamic=False)

    @classmethod
    def open(cls, path: Path, devices: Sequence[torch.device] = (), **options: Any) -> Self:
        """Load the folder of an encoder artifact, or a checkpoint (.ckpt). Raises Refusal."""
        if path.suffix == ".ckpt" and not path.is_dir():
            milestone = read_milestone(path)
            manifest, network, weights = (
                checkpoint_manifest(path, milestone),
                milestone.recipe.network,
                milestone.backbone,
            )
        else:
            manifest = EncoderManifest.read(path)
            network, weights = torch_weights(path)
        backbone, _ = make_backbone(network)
        fill(backbone, weights, told_as=str(path))
        return cls(manifest, backbone, devices, **options)

    @property
    def at_least(self) -> int:
        """The short side to which a picture may be reduced while it is decoded without changing its vector."""
        return self.framing.at_least

    def prepare(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        """Return what the network sees of an RGB picture: (3, height, width), its centre at the right scale."""
        return self.framing.prepare(image)

    def encode(self, prepared: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """Return a unit vector for each prepared picture: float32 (n, dimension).

        A row is all NaN where the network gave zeros or values that are not finite. Raises NoRoom.
        """
        vectors = np.empty((len(prepared), self.manifest.dimension), dtype=np.float32)
        for start in range(0, len(prepared), self.batch):
            part = prepared[start : start + self.batch]
            np.stack(part, out=self._pixels.numpy()[: len(part)])
            encoded = self._encoded(self._dtype)[: len(part)]
            if not np.isfinite(encoded).all():
                # Something in the network may have been beyond float16's 65,504.
                encoded = self._encoded(torch.float32)[: len(part)]
            vectors[start : start + self.batch] = encoded
        return vectors

    @torch.inference_mode()
    def _encoded(self, dtype: torch.dtype) -> npt.NDArray[np.float32]:
        """Return the vectors of a full batch. All devices have begun before the first is waited for."""
        parts = zip(self._replicas, self._devices, self._pixels.chunk(len(self._devices)), strict=True)
        with _room():
            outputs = [replica(part.to(device, non_blocking=True), dtype) for replica, device, part in parts]
            encoded: npt.NDArray[np.float32] = torch.cat([output.cpu() for output in outputs]).numpy()
        return encoded


def checkpoint_manifest(
    file: Path, milestone: Milestone, *, name: str = "", quality: dict[str, Any] | None = None
) -> EncoderManifest:
    """Return what a checkpoint's backbone is as an encoder, named after its recipe unless it has a name.

    It sees of a picture what training stored of it, and of that the centre, as large as a view.
    """
    recipe = milestone.recipe
    views = recipe.views
    modified = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return EncoderManifest(
        name=name or f"{recipe.name}-{milestone.epoch:04}",
        architecture=recipe.network.architecture,
        dimension=milestone.dimension,
        input_size=(views.side, views.side),
        resize=max(views.side, views.stored),
        mean=views.mean,
        std=views.std,
        recipe=recipe.as_dict() | {"images": milestone.images, "versions": milestone.versions},
        epochs=milestone.epoch,
        quality=quality or {},
        files=checksums(file.parent, [file.name]),
        created_at=modified.isoformat(timespec="seconds"),
    )


class _Replica(nn.Module):
    """The network on one device, from uint8 pixels to unit vectors."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, backbone: nn.Module, manifest: EncoderManifest) -> None:
        super().__init__()
        self.backbone = backbone.float().eval().to(memory_format=torch.channels_last)
        self.register_buffer("mean", torch.tensor(manifest.mean)[:, None, None])
        self.register_buffer("std", torch.tensor(manifest.std)[:, None, None])

    def forward(self, pixels: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        seen = ((pixels / 255 - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        with torch.autocast(pixels.device.type, dtype, enabled=dtype != torch.float32):
            outputs = self.backbone(seen)
        outputs = outputs.float()
        lengths = torch.linalg.vector_norm(outputs, dim=1, keepdim=True)
        usable = lengths.isfinite() & (lengths > 0)
        return torch.where(usable, outputs / lengths, torch.nan)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise NoRoom(
            "The GPU has too little memory left for the network and a batch of pictures: "
            "end what else runs on it, or compute without it by --device cpu."
        ) from error
