"""Image files of every kind, whole and broken."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from ml.images import BadList, ListedImage, UnreadableImage, image_format, read_list, read_rgb, write_list

LIMIT = 1_000_000
ORANGE = (230, 120, 20)
GREY = 112
GREY_OF_40000 = 156  # 40,000 of 65,535, as of 255


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_format_is_known_by_its_bytes_and_read_as_rgb(kind: str) -> None:
    data = _encoded(Image.new("RGB", (40, 30), ORANGE), kind)
    assert image_format(data) == kind
    image = read_rgb(data, max_pixels=LIMIT)
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert _near(image, ORANGE)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bit_greys_are_scaled_not_clipped(kind: str, order: str) -> None:
    data = _encoded(Image.fromarray(np.full((30, 40), 40_000, dtype=order)), kind)
    assert _near(read_rgb(data, max_pixels=LIMIT), (GREY_OF_40000,) * 3)


@pytest.mark.parametrize(
    "colour_type, sample, expected",
    [
        (2, (40_000, 0, 65_535), (GREY_OF_40000, 0, 255)),
        (4, (40_000, 65_535), (GREY_OF_40000,) * 3),
        (6, (0, 0, 0, 0), (255, 255, 255)),
    ],
    ids=["RGB", "LA", "RGBA"],
)
def test_sixteen_bit_png_of_any_colour_type(
    colour_type: int, sample: tuple[int, ...], expected: tuple[int, int, int]
) -> None:
    data = _png(8, 8, depth=16, colour_type=colour_type, pixel=struct.pack(f">{len(sample)}H", *sample))
    assert _near(read_rgb(data, max_pixels=LIMIT), expected)


def test_the_transparent_grey_of_a_sixteen_bit_png_is_white() -> None:
    data = _png(8, 8, depth=16, colour_type=0, pixel=struct.pack(">H", 300), chunks=[(b"tRNS", struct.pack(">H", 300))])
    assert _near(read_rgb(data, max_pixels=LIMIT), (255, 255, 255))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_thirty_two_bits_are_stretched_from_least_to_greatest(mode: str) -> None:
    values = np.array([[-1000, 0], [500, 1000]], dtype=np.int32 if mode == "I" else np.float32)
    image = read_rgb(_encoded(Image.fromarray(values), "TIFF"), max_pixels=LIMIT)
    assert np.asarray(image)[:, :, 0].tolist() == [[0, 128], [191, 255]]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_looks_as_it_was_meant(kind: str) -> None:
    # Pillow writes CMYK as Adobe does: inverted.
    data = _encoded(Image.new("RGB", (40, 30), ORANGE).convert("CMYK"), kind)
    assert _near(read_rgb(data, max_pixels=LIMIT), ORANGE)


def test_lab_becomes_rgb() -> None:
    spaces = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(Image.new("RGB", (40, 30), ORANGE), *spaces, outputMode="LAB")
    assert lab is not None
    assert _near(read_rgb(_encoded(lab, "TIFF"), max_pixels=LIMIT), ORANGE)


@pytest.mark.parametrize(
    "mode, kind", [("1", "PNG"), ("1", "TIFF"), ("L", "JPEG"), ("L", "PNG"), ("LA", "PNG"), ("PA", "TIFF")]
)
def test_grey_and_black_and_white_become_rgb(mode: str, kind: str) -> None:
    colour = 255 if mode == "1" else GREY
    data = _encoded(Image.new("L", (40, 30), colour).convert(mode), kind)
    assert _near(read_rgb(data, max_pixels=LIMIT), (colour,) * 3)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_becomes_white(kind: str) -> None:
    data = _encoded(Image.new("RGBA", (40, 30), (0, 0, 0, 0)), kind)
    assert _near(read_rgb(data, max_pixels=LIMIT), (255, 255, 255))


def test_half_transparent_black_becomes_grey() -> None:
    data = _encoded(Image.new("LA", (40, 30), (0, 128)), "PNG")
    assert _near(read_rgb(data, max_pixels=LIMIT), (127, 127, 127))


@pytest.mark.parametrize("transparency", [0, bytes([0, 255])], ids=["an index", "an alpha for each"])
@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_the_transparent_colour_of_a_palette_becomes_white(kind: str, transparency: int | bytes) -> None:
    if kind == "GIF" and isinstance(transparency, bytes):
        transparency = 0
    palette = Image.new("P", (40, 30), 0)
    palette.putpalette([*ORANGE, 0, 0, 255])
    palette.paste(1, (0, 0, 40, 15))
    image = read_rgb(_encoded(palette, kind, transparency=transparency), max_pixels=LIMIT)
    assert image.getpixel((5, 5)) == (0, 0, 255)
    assert image.getpixel((5, 25)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    "orientation, corner", [(1, (0, 0)), (3, (1, 1)), (6, (1, 0)), (8, (0, 1))], ids=["as is", "180", "90", "270"]
)
def test_pictures_are_turned_as_their_exif_says(kind: str, orientation: int, corner: tuple[int, int]) -> None:
    stored = Image.new("RGB", (64, 32), "white")
    stored.paste(ORANGE, (0, 0, 24, 12))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_rgb(_encoded(stored, kind, exif=exif), max_pixels=LIMIT)
    assert image.size == ((64, 32) if orientation in {1, 3} else (32, 64))
    x, y = (4 if at == 0 else length - 5 for at, length in zip(corner, image.size, strict=True))
    assert _near(image.crop((x, y, x + 1, y + 1)), ORANGE)


def test_a_picture_with_damaged_exif_data_is_shown_as_it_is_stored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(_encoded(Image.new("RGB", (64, 32), ORANGE), "JPEG", exif=exif))
    start = data.index(b"Exif") + 6
    data[start : start + 20] = b"\xff" * 20
    assert read_rgb(bytes(data), max_pixels=LIMIT).size == (64, 32)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    others = [Image.new("RGB", (40, 30), colour) for colour in ("blue", "white")]
    data = _encoded(Image.new("RGB", (40, 30), ORANGE), kind, save_all=True, append_images=others)
    assert _near(read_rgb(data, max_pixels=LIMIT), ORANGE)


def test_a_large_jpeg_may_be_decoded_at_a_reduced_scale() -> None:
    data = _encoded(Image.new("RGB", (1600, 1200), ORANGE), "JPEG")
    assert read_rgb(data, max_pixels=10**7, at_least=384).size == (800, 600)
    assert read_rgb(data, max_pixels=10**7, at_least=1200).size == (1600, 1200)


def test_a_bomb_is_refused_by_its_size_before_it_is_decoded() -> None:
    bomb = _png(30_000, 30_000, depth=8, colour_type=2, pixel=b"")
    with pytest.raises(UnreadableImage) as refusal:
        read_rgb(bomb, max_pixels=100_000_000)
    assert str(refusal.value) == "has 30000 x 30000 pixels, more than the 100,000,000 allowed"


def test_the_limit_on_pixels_is_the_callers_also_beyond_pillows_own() -> None:
    with pytest.raises(UnreadableImage, match="is truncated"):
        read_rgb(_png(20_000, 20_000, depth=1, colour_type=0, pixel=b""), max_pixels=10**9)


def test_no_bytes_are_no_picture() -> None:
    with pytest.raises(UnreadableImage, match=r"^is empty$"):
        read_rgb(b"", max_pixels=LIMIT)


@pytest.mark.parametrize("text", [b"hello, I am a text named .jpg", b"<svg/>", b"\x00" * 100])
def test_what_is_no_picture_is_called_so(text: bytes) -> None:
    with pytest.raises(UnreadableImage, match=r"^is not a picture in JPEG, PNG"):
        read_rgb(text, max_pixels=LIMIT)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_picture_that_is_cut_off_is_not_read_in_part(kind: str, part: float) -> None:
    data = _encoded(_noise(), kind)
    with pytest.raises(UnreadableImage, match=r"^is (truncated|damaged or cut off)$"):
        read_rgb(data[: int(len(data) * part)], max_pixels=LIMIT)


def test_a_truncated_jpeg_is_noticed_at_a_reduced_scale_too() -> None:
    data = _encoded(_noise().resize((1600, 1200)), "JPEG")
    with pytest.raises(UnreadableImage, match=r"^is truncated$"):
        read_rgb(data[: len(data) // 2], max_pixels=10**7, at_least=96)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_whatever_the_damage_the_answer_is_a_picture_or_a_reason(kind: str) -> None:
    generator = np.random.default_rng(0)
    whole = np.frombuffer(_encoded(_noise(), kind), dtype=np.uint8)
    for _ in range(60):
        data = whole.copy()
        start = generator.integers(0, min(len(data), 600))
        data[start : start + generator.integers(1, 9)] = generator.integers(0, 256)
        with suppress(UnreadableImage):
            assert read_rgb(data.tobytes(), max_pixels=LIMIT).mode == "RGB"


def test_pillows_warnings_do_not_leak() -> None:
    # A TIFF tag with more values than it may have: Pillow warns, and warnings are errors here.
    data = _encoded(Image.new("RGB", (8, 8), ORANGE), "TIFF", tiffinfo={296: (2,)})
    entry = data.index(struct.pack("<HHI", 296, 3, 1))
    data = data[:entry] + struct.pack("<HHI", 296, 3, 2) + data[entry + 8 :]
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        read_rgb(data, max_pixels=LIMIT)
    assert leaked == []


def test_a_file_that_is_not_there_a_folder_and_a_pipe_each_have_a_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path, reason in [
        (tmp_path / "gone.jpg", "is not there"),
        (tmp_path / "a\0b.jpg", "is not there"),
        (tmp_path, "is not a file"),
        (tmp_path / "pipe.jpg", "is not a file"),
        (tmp_path / ("x" * 300), r"cannot be read \(File name too long\)"),
    ]:
        with pytest.raises(UnreadableImage, match=rf"^{reason}$"):
            read_rgb(path, max_pixels=LIMIT)


def test_a_list_of_images_survives_writing_whatever_the_names(tmp_path: Path) -> None:
    images = [
        ListedImage("0" * 64, Path("plain.jpg")),
        ListedImage("1" * 64, Path('new\nline, "quotes", emoji 🛩.jpg')),
        ListedImage("2" * 64, Path("not unicode \udcff.jpg")),
        ListedImage("f" * 64, Path("unlabeled_X.bin"), 17),
    ]
    write_list(tmp_path / "list.jsonl", images)
    assert read_list(tmp_path / "list.jsonl") == images


@pytest.mark.parametrize("line", ["{", "[]", "\udcff", '{"id": "00", "path": "a.jpg"}', '{"id": "%s"}' % ("0" * 64)])
def test_a_line_that_is_no_image_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "list.jsonl").write_text(
        f'{{"id": "{"0" * 64}", "path": "a.jpg", "record": null}}\n{line}\n', errors="surrogateescape"
    )
    with pytest.raises(BadList, match=r"Line 2 of .*list.jsonl is no image"):
        read_list(tmp_path / "list.jsonl")


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    content = io.BytesIO()
    if kind == "JPEG":
        options = {"quality": 95, "subsampling": 0} | options
    image.save(content, kind, **options)
    return content.getvalue()


def _noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))


def _png(
    width: int,
    height: int,
    *,
    depth: int,
    colour_type: int,
    pixel: bytes,
    chunks: list[tuple[bytes, bytes]] | None = None,
) -> bytes:
    """Return a PNG of one colour, by hand: Pillow writes no 16-bit colours."""
    rows = (b"\0" + pixel * width) * height if pixel else b"\0"
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [(b"IHDR", header), *(chunks or []), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def _near(image: Image.Image, colour: tuple[int, ...]) -> bool:
    return bool((np.abs(np.asarray(image).astype(int) - colour) <= 12).all())
