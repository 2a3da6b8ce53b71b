"""Image files: from bytes that may be anything to an upright RGB picture, or a reason why not."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps

from ml.errors import Refusal
from ml.rgb import flattened

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})

_SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF....WEBP",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
}
_LONGEST_SIGNATURE = 12
_PILLOW_WARNINGS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_ID = re.compile(r"[0-9a-f]{64}")
# Encoders make ten or so. Each takes a few bytes, and going through all pixels once more.
_MOST_SCANS = 100
_START_OF_SCAN = b"\xff\xda"


class UnreadableImage(Exception):
    """Why a picture cannot be read, as the end of a sentence that begins with its name: "is truncated"."""


class BadList(Refusal):
    """A list of images that cannot be understood; the message is a sentence."""


@dataclass(frozen=True)
class ListedImage:
    """Where an image's bytes lie: a file, or a record of a file of many (ml/records.py)."""

    id: str  # the SHA-256 of the bytes, in hex
    path: Path
    record: int | None = None


def read_rgb(data: bytes | Path, *, max_pixels: int, at_least: int | None = None) -> Image.Image:
    """Return the picture in RGB, upright and decoded in full; of an animation the first frame.

    Transparency becomes white; 16 bits are scaled to 8. With `at_least` a JPEG may come at a half, a quarter or
    an eighth of its size, if its short side keeps at least so many pixels. Raises UnreadableImage.
    """
    if isinstance(data, Path):
        data = read_picture(data)
    kind = image_format(data)
    if kind == "JPEG" and data.count(_START_OF_SCAN) > _MOST_SCANS:
        raise UnreadableImage(f"has more than {_MOST_SCANS} scans")
    _prepare_pillow()
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            _check_size(image, max_pixels)
            if at_least is not None:
                _reduce(image, at_least)
            image.load()
            return flattened(_upright(image))
    except UnreadableImage:
        raise
    except MemoryError as error:
        raise UnreadableImage("needs more memory than there is") from error
    # Pillow's readers raise almost anything on damaged files: OSError, SyntaxError, struct.error, IndexError, ...
    except Exception as error:
        raise UnreadableImage(_reason(error)) from error


def image_format(data: bytes) -> str:
    """Return "JPEG", "PNG", "WEBP", "GIF", "BMP" or "TIFF", by the first bytes. Raises UnreadableImage."""
    if not data:
        raise UnreadableImage("is empty")
    for kind, signature in _SIGNATURES.items():
        if re.match(signature, data, re.DOTALL):
            return kind
    raise UnreadableImage("is not a picture in JPEG, PNG, WebP, GIF, BMP or TIFF")


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes. Raises UnreadableImage, also for what is no regular file."""
    with file_reasons(), _opened(path) as file:
        return file.read()


def read_picture(path: Path) -> bytes:
    """Return a file's bytes if the first ones are a picture's. Raises UnreadableImage before it reads the others."""
    with file_reasons(), _opened(path) as file:
        image_format(file.read(_LONGEST_SIGNATURE))
        file.seek(0)
        return file.read()


def _opened(path: Path) -> BinaryIO:
    # Without waiting for somebody to write into a pipe, which may have taken the file's place just now.
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise UnreadableImage("is not a file")
    return os.fdopen(file, "rb")


@contextmanager
def file_reasons() -> Iterator[None]:
    """Turn what keeps a file from being read into UnreadableImage."""
    try:
        yield
    # ValueError: a null byte, which no name can hold.
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise UnreadableImage("is not there") from error
    except PermissionError as error:
        raise UnreadableImage("may not be read (permission denied)") from error
    except OSError as error:
        raise UnreadableImage(f"cannot be read ({error.strerror})") from error


def write_list(file: Path, images: Iterable[ListedImage]) -> None:
    """Write a list of images: one JSON object a line, with the keys id, path and record."""
    with file.open("w", encoding="ascii") as lines:
        for image in images:
            lines.write(json.dumps(asdict(image) | {"path": str(image.path)}) + "\n")


def read_list(file: Path) -> list[ListedImage]:
    """Read what write_list writes. Raises BadList, which names the line, or OSError."""
    images = []
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                record = entry.get("record")
                image = ListedImage(str(entry["id"]), Path(entry["path"]), None if record is None else int(record))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise BadList(f"Line {number} of {file} is no image: it needs an id and a path, as JSON.") from error
            if not _ID.fullmatch(image.id):
                raise BadList(f"Line {number} of {file} is no image: its id is not a SHA-256 in hex.")
            images.append(image)
    return images


def _prepare_pillow() -> None:
    """Leave the limit on pixels to read_rgb, and Pillow's remarks on odd files to nobody. Idempotent."""
    Image.MAX_IMAGE_PIXELS = None
    # Not catch_warnings: it is not safe among threads.
    if _PILLOW_WARNINGS not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise UnreadableImage(f"has {image.width} x {image.height} pixels, more than the {max_pixels:,} allowed")


def _reduce(image: Image.Image, at_least: int) -> None:
    scale = at_least / min(image.size)
    image.draft(None, (round(image.width * scale), round(image.height * scale)))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    # The picture is whole; that its EXIF data is damaged only means that nothing is known of its orientation.
    except Exception:
        return image


def _reason(error: Exception) -> str:
    return "is truncated" if "truncated" in str(error).lower() else "is damaged or cut off"
