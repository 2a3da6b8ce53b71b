"""Decoded pictures: the pixels an encoder sees, made once, whole or not at all."""

from __future__ import annotations

import io
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.encoder import Encoder
from ml.folder import list_folder
from ml.images import ListedImage, UnreadableImage
from ml.originals import original_rgb
from ml.pixels import BadPixels, Pixels, decoded, stored_pixels
from ml.progress import JsonLines
from ml.vectors import LeftOut
from tests.ml.conftest import REPOSITORY, MakePictures, listed
from tests.ml.record_writing import noise, write_cifar10, write_stl10

SIDE = 32  # what the colour grid's encoder sees

Decode = Callable[..., Pixels]


class Steps:
    """Progress that remembers its phases."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def step(self, phase: str, done: int, total: int) -> None:
        self.phases.append(phase)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def decode(cache: Path) -> Decode:
    return partial(decoded, side=SIDE, cache=cache, processes=1, progress=JsonLines())


@pytest.fixture
def every_kind(tmp_path: Path) -> list[ListedImage]:
    """A picture of each kind that is read in a way of its own."""
    folder = tmp_path / "kinds"
    folder.mkdir()
    colour = Image.fromarray(noise(1, 300)[0]).resize((900, 700))
    colour.save(folder / "large.jpg", quality=90)
    colour.save(
        folder / "sideways.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    )
    colour.resize((90, 41)).save(folder / "wide.png")
    colour.resize((20, 11)).save(folder / "small.webp", lossless=True)
    Image.fromarray(np.arange(50 * 60, dtype=np.uint16).reshape(50, 60) * 20).save(folder / "sixteen_bits.png")
    transparent = colour.resize((50, 60)).convert("RGBA")
    transparent.putalpha(Image.linear_gradient("L").resize((50, 60)))
    transparent.save(folder / "transparent.png")
    write_stl10(folder / "train_X.bin", noise(2, 96))
    write_cifar10(folder / "data_batch_1.bin", noise(2, 32), [0, 1])
    return list_folder(folder, JsonLines())[0]


def test_the_pixels_are_those_that_an_encoder_of_the_same_size_sees(
    every_kind: list[ListedImage], decode: Decode, colour_grid: Encoder
) -> None:
    pixels = decode(every_kind)
    assert pixels.array.shape == (10, 3, SIDE, SIDE)
    assert pixels.array.dtype == np.uint8
    assert isinstance(pixels.array, np.memmap)
    assert pixels.ids == [image.id for image in every_kind]
    for image, row in zip(every_kind, pixels.array, strict=True):
        picture = original_rgb(image, max_pixels=10**8, at_least=colour_grid.at_least)
        assert np.array_equal(row, colour_grid.prepare(picture)), image.path.name
        assert np.array_equal(row, stored_pixels(image, SIDE, 10**8)), image.path.name


def test_a_picture_smaller_than_the_side_is_enlarged_and_counted(every_kind: list[ListedImage], decode: Decode) -> None:
    assert decode(every_kind).smaller == 1
    assert decode(every_kind).smaller == 1, "also from the cache"


def test_several_processes_give_the_pixels_of_one(pictures: MakePictures, decode: Decode, tmp_path: Path) -> None:
    images = pictures(100)
    several = decode(images, processes=2, cache=tmp_path / "another")
    assert np.array_equal(several.array, decode(images).array)


def test_a_second_start_decodes_nothing(pictures: MakePictures, decode: Decode) -> None:
    images = pictures(5)
    first = decode(images)
    shutil.rmtree(images[0].path.parent)
    steps = Steps()
    second = decode(images, progress=steps)
    assert "decode" not in steps.phases
    assert np.array_equal(first.array, second.array)
    assert (first.ids, first.fingerprint) == (second.ids, second.fingerprint)


def test_the_fingerprint_tells_the_images_and_the_side_and_not_where_they_lie(
    pictures: MakePictures, decode: Decode, tmp_path: Path
) -> None:
    images, same = pictures(5), pictures(5, folder=tmp_path / "elsewhere")
    fingerprint = decode(images).fingerprint
    assert decode(same, cache=tmp_path / "another").fingerprint == fingerprint
    assert decode(images[::-1]).fingerprint != fingerprint
    assert decode(images[:4]).fingerprint != fingerprint
    assert decode(images, side=16).fingerprint != fingerprint


def test_copies_are_one_image(pictures: MakePictures, decode: Decode, tmp_path: Path) -> None:
    images = pictures(3)
    copy = listed(Path(shutil.copy(images[0].path, tmp_path / "copy.png")))
    assert decode([*images, copy]).ids == [image.id for image in images]


def test_few_unreadable_images_are_left_out_named_and_remembered(pictures: MakePictures, decode: Decode) -> None:
    images = pictures(20)
    broken = images[7].path
    broken.write_bytes(broken.read_bytes()[:60])
    images[7] = listed(broken)
    for _ in range(2):
        pixels = decode(images, most_left_out=0.05)
        assert pixels.left_out == [LeftOut(images[7].id, str(broken), "is truncated")]
        assert pixels.ids == [image.id for image in images if image != images[7]]
        assert np.array_equal(pixels.array[7], stored_pixels(images[8], SIDE, 10**8))


def test_more_of_them_than_allowed_are_refused_and_some_named(
    pictures: MakePictures, decode: Decode, cache: Path
) -> None:
    images = pictures(20)
    for image in images[:7]:
        image.path.write_bytes(b"")
    with pytest.raises(BadPixels, match=r"at least 1 cannot be used, more than the 1\.00% .*/0000\.png has changed"):
        decode(images)
    with pytest.raises(BadPixels, match=r"at least 7 cannot be used.*/0004\.png has .*; and 2 more\."):
        decode(images, most_left_out=0.3)
    assert not list(cache.glob("pixels/*/"))


def test_what_could_not_be_listed_counts_as_well(pictures: MakePictures, decode: Decode) -> None:
    unlisted = [LeftOut(None, "gone.jpg", "is not there")]
    with pytest.raises(BadPixels, match=r"Of 10 images at least 1 .*gone\.jpg is not there\."):
        decode(pictures(9), unlisted=unlisted)
    assert decode(pictures(9), unlisted=unlisted, most_left_out=0.1).left_out == unlisted


def test_a_stricter_limit_is_kept_by_what_is_cached_too(pictures: MakePictures, decode: Decode) -> None:
    images = pictures(4)
    images[0].path.unlink()
    assert len(decode(images, most_left_out=0.5).ids) == 3
    with pytest.raises(BadPixels, match=r"0000\.png is not there"):
        decode(images)


def test_no_pictures_at_all_are_refused(decode: Decode) -> None:
    with pytest.raises(BadPixels, match="There are no pictures to decode"):
        decode([])


def test_a_picture_with_too_many_pixels_has_a_reason(pictures: MakePictures) -> None:
    with pytest.raises(UnreadableImage, match="has 40 x 40 pixels, more than the 1,599 allowed"):
        stored_pixels(pictures(1)[0], SIDE, 1599)


def test_two_that_want_the_same_do_the_work_once(pictures: MakePictures, decode: Decode) -> None:
    images, steps = pictures(50), Steps()
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda _: decode(images, progress=steps), range(2))
    assert steps.phases.count("decode") == 50
    assert np.array_equal(one.array, other.array)


def test_a_full_disk_is_an_error_and_leaves_the_cache_as_it_was(
    pictures: MakePictures, decode: Decode, cache: Path
) -> None:
    images = pictures(60)
    with _files_of_at_most(100_000), pytest.raises(OSError, match="File too large"):
        decode(images)
    assert not list(cache.glob("pixels/*/"))
    assert len(decode(images).ids) == 60


def test_killed_while_it_decodes_it_leaves_nothing_that_is_believed_and_no_process(
    pictures: MakePictures, decode: Decode, cache: Path
) -> None:
    images = _slow(pictures(1)[0], 100)
    program = (
        "import sys; from pathlib import Path; from ml.folder import list_folder; from ml.pixels import decoded\n"
        "from ml.progress import JsonLines\n"
        "if __name__ == '__main__':\n"
        "    images, _ = list_folder(Path(sys.argv[1]), JsonLines())\n"
        f"    decoded(images, side={SIDE}, cache=Path(sys.argv[2]), processes=2, progress=JsonLines())"
    )
    command = [sys.executable, "-c", program, str(images[0].path.parent), str(cache)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if '"decode"' in line)
        process.kill()
        # The other end is closed when the last of its processes ends.
        process.communicate(timeout=30)
    (draft,) = cache.glob("pixels/.*/")
    assert (draft / "pixels.npy").is_file()
    assert len(decode(images).ids) == 100
    assert not draft.exists()


@pytest.mark.parametrize("name", ["pixels.npy", "entry.json"])
def test_a_damaged_entry_is_named(name: str, pictures: MakePictures, decode: Decode, cache: Path) -> None:
    images = pictures(3)
    decode(images)
    (file,) = cache.glob(f"pixels/*/{name}")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BadPixels, match=f"The decoded pictures in {file.parent} are damaged: delete that folder"):
        decode(images)


@contextmanager
def _files_of_at_most(count: int) -> Iterator[None]:
    """Let every write beyond so many bytes of a file fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _slow(image: ListedImage, count: int) -> list[ListedImage]:
    """Make so many images, alike but for what stands behind the picture, that take a while to decode."""
    content = io.BytesIO()
    Image.open(image.path).resize((1000, 1000)).save(content, "PNG", compress_level=1)
    folder = image.path.parent / "slow"
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:04}.png").write_bytes(content.getvalue() + number.to_bytes(2))
    return [listed(path) for path in sorted(folder.iterdir())]
