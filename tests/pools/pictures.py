"""Makes small pictures, good and bad ones."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def save(path: Path, seed: int, *, size: tuple[int, int] = (12, 8)) -> Path:
    """Write a picture of noise in the format of its suffix; another seed is another picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise(seed, size).save(path)
    return path


def noise(seed: int, size: tuple[int, int]) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def write_bmp(path: Path, number: int) -> None:
    """Write a picture of one pixel, whose colour is the number, in the quickest way."""
    header = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 58, 0, 0, 54, 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0)
    path.write_bytes(header + number.to_bytes(4, "little"))


def write_bomb(path: Path, side: int) -> None:
    """Write a valid PNG of side x side black pixels, which is small as a file and huge when decoded."""
    packer = zlib.compressobj(1)
    row = bytes(1 + (side + 7) // 8)
    packed = b"".join(packer.compress(row * 100) for _ in range(side // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b""))


def write_stl10(folder: Path, name: str, count: int, labels: list[int] | None = None, seed: int = 0) -> None:
    """Write a binary file of STL-10 with random pictures, and its labels' file where labels are given."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 3, 96, 96), dtype=np.uint8)
    (folder / f"{name}_X.bin").write_bytes(pixels.tobytes())
    if labels is not None:
        (folder / f"{name}_y.bin").write_bytes(bytes(labels))


def write_cifar10(folder: Path, name: str, labels: list[int], seed: int = 0) -> None:
    """Write a binary file of CIFAR-10 with a random picture for each label."""
    records = np.random.default_rng(seed).integers(0, 256, (len(labels), 1 + 3 * 32 * 32), dtype=np.uint8)
    records[:, 0] = labels
    (folder / f"{name}.bin").write_bytes(records.tobytes())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
