"""Pictures to try Winnow with: real photographs where there is a network, handwritten digits where there is none."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from urllib.request import Request, urlopen

import numpy as np
from PIL import Image

from app.errors import CannotStart
from ml.artifacts import publishing

Report = Callable[[str], None]
"""Takes one sentence for the person who waits."""

# Long enough for a slow line, short enough that nobody without one takes it for a hang.
NO_ANSWER_AFTER_S = 10
BLOCK = 1 << 20


@dataclass(frozen=True)
class Archive:
    """A tar file of pictures as SPLIT/CLASS/NAME.JPEG somewhere on the web."""

    url: str
    size: int  # in bytes
    sha256: str


IMAGENETTE = Archive(
    url="https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz",
    size=99_003_388,
    sha256="64d0c4859f35a461889e0147755a999a48b49bf38a7e0f9bd27003f10db02fe5",
)


class NoDemoPictures(CannotStart):
    """There are no pictures to begin with: name a folder of your own, or install the extra “demo”."""


def demo_folder(home: Path, report: Report, *, archive: Archive = IMAGENETTE) -> Path:
    """Return a folder of pictures under `home`: made by the first call, found again by later ones.

    Imagenette's 13,394 photographs where they can be downloaded, else scikit-learn's 1,797 digits. A download
    that broke off is continued by the next call. Raises NoDemoPictures where neither can be had.
    """
    pictures = home / "pictures"
    photographs, digits = pictures / "imagenette", pictures / "digits"
    download = pictures / "imagenette.tgz.part"
    if photographs.is_dir():
        return photographs
    # Whoever began with the digits keeps them, unless photographs were on their way.
    if digits.is_dir() and not download.exists():
        return digits
    pictures.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(archive, download, report)
        _unpack(download, photographs, report)
    except (OSError, tarfile.TarError):
        report("The Imagenette photographs cannot be downloaded here; taking 1,797 handwritten digits instead.")
    else:
        download.unlink()
        return photographs
    if not digits.is_dir():
        _write_digits(digits)
    return digits


def _fetch(archive: Archive, part: Path, report: Report) -> None:
    """Bring the whole archive into `part`, going on where an earlier call stopped. Raises OSError."""
    if _size(part) >= archive.size and _sha256(part) != archive.sha256:
        part.unlink()
    if _size(part) < archive.size:
        _download(archive, part, report)
    if _size(part) < archive.size:
        raise ConnectionError("The download broke off.")
    if _sha256(part) != archive.sha256:
        part.unlink()
        raise ConnectionError("Something else than the archive was downloaded.")


def _download(archive: Archive, part: Path, report: Report) -> None:
    begun = _size(part)
    request = Request(archive.url, headers={"Range": f"bytes={begun}-"})
    with urlopen(request, timeout=NO_ANSWER_AFTER_S) as answer:
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            begun = 0
        report(f"Downloading {archive.size >> 20} MB of photographs from {request.host} …")
        tenths = begun * 10 // archive.size
        with part.open("ab" if begun else "wb") as file:
            # No more than was announced: an endless answer would fill the disk.
            while file.tell() < archive.size and (block := answer.read(BLOCK)):
                file.write(block)
                if (now := file.tell() * 10 // archive.size) > tenths:
                    tenths = now
                    report(f"  {tenths * 10} %")


def _unpack(archive: Path, folder: Path, report: Report) -> None:
    """Copy the archive's pictures to `folder`, whole or not at all.

    Taking names apart instead of extracting leaves no way out of the folder, also on Pythons before 3.11.4,
    whose tarfile has no filters.
    """
    report("Unpacking …")
    with publishing(folder) as draft, tarfile.open(archive, "r:*") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            content = tar.extractfile(member)
            if content is None or path.suffix != ".JPEG" or ".." in path.parts:
                continue
            target = draft.joinpath(*path.parts[-3:])
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file)


def _write_digits(folder: Path) -> None:
    """Write the digits as `folder`/DIGIT/NUMBER.png, dark on light, 64 x 64 pixels, whole or not at all."""
    try:
        # Heavy, and needed once in the life of a WINNOW_HOME.
        from sklearn.datasets import load_digits  # noqa: PLC0415
    except ImportError:
        raise NoDemoPictures from None
    digits = load_digits()
    with publishing(folder) as draft:
        for number, (ink, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
            paper = Image.fromarray(np.uint8(255 - ink * 255 / 16))
            target = draft / str(digit) / f"{number:04}.png"
            target.parent.mkdir(exist_ok=True)
            paper.resize((64, 64), Image.Resampling.BICUBIC).save(target)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
