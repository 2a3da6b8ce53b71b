"""Broken and hostile files, more than a hundred kinds of them, small on the disk, each with a name of its own.

`files()` are bytes that may be uploaded or lie in a folder; `lay_out()` adds what only a file system can hold.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE = 48
HUGE = 60_000
SCRIPT = b"<script>alert(1)</script>"


def files() -> dict[str, bytes]:
    """Return {name: bytes}; the same names and bytes every time."""
    made: dict[str, bytes] = {}
    for part in (_cut, _bombs, _lies, _disguises, _metadata, _colours, _animations, _foreign, _noise):
        for name, data in part():
            assert name not in made, name
            made[name] = data
    return made


def lay_out(folder: Path, outside: Path) -> None:
    """Fill a folder with all files, and with names, links, pipes, holes and folders that pretend to be pictures."""
    for name, data in files().items():
        (folder / name).write_bytes(data)
    good = _saved("PNG")
    for name in (
        "a\nnewline.png",
        "-rf.png",
        "--help.png",
        "$(id).png",
        "a;b&c.png",
        "\u202egnp.exe.png",
        "é" * 120 + ".png",
    ):
        (folder / name).write_bytes(good)
    (folder / ("n" * 251 + ".png")).write_bytes(good)
    (folder / os.fsdecode(b"\xff\xfe.png")).write_bytes(good)
    (folder / "passwd.png").symlink_to("/etc/passwd")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "outside.png").symlink_to(outside)
    (folder / "loop-1.png").symlink_to(folder / "loop-2.png")
    (folder / "loop-2.png").symlink_to(folder / "loop-1.png")
    (folder / "itself").symlink_to(folder)
    (folder / "nowhere.png").symlink_to(folder / "not-there.png")
    (folder / "folder.jpg").mkdir()
    (folder / "folder.jpg" / "inside.png").write_bytes(_saved("PNG", seed=1))
    os.mkfifo(folder / "pipe.jpg")
    for name, size in {"hole-10-gib.jpg": 10 * 1024**3, "hole-900-mib.jpg": 900 * 1024**2}.items():
        with (folder / name).open("wb") as file:
            file.truncate(size)
    closed = folder / "closed.png"
    closed.write_bytes(good)
    closed.chmod(0)


def _saved(kind: str, *, mode: str = "RGB", seed: int = 0, side: int = SIDE, **options: Any) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


_SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif"}


def _cut() -> Iterator[tuple[str, bytes]]:
    for kind, suffix in _SUFFIX.items():
        whole = _saved(kind)
        for name, length in {
            "1-byte": 1,
            "4-bytes": 4,
            "16-bytes": 16,
            "30-bytes": 30,
            "half": len(whole) // 2,
            "all-but-one": len(whole) - 1,
        }.items():
            yield f"cut-{name}.{suffix}", whole[:length]
    yield "nothing.jpg", b""
    yield "cut-progressive.jpg", _saved("JPEG", progressive=True)[:-200]
    yield "cut-interlaced.png", _adam7(SIDE, SIDE)[:-40]


def _bombs() -> Iterator[tuple[str, bytes]]:
    row = bytes(1 + HUGE // 8)
    yield "bomb-deflate.png", _png(HUGE, HUGE, 1, 0, _deflated(row, 2000))
    yield "bomb-header.png", _png(2**31 - 1, 2**31 - 1, 8, 6, b"")
    yield "bomb-header.jpg", _jpeg_of_size(65535, 65535)
    yield "bomb-header.bmp", _bmp(HUGE, HUGE)
    yield "bomb-header.gif", b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0xF7, 0, 0) + bytes(768) + b"\x2c"
    yield "bomb-frame.gif", _gif_frame(65535, 65535)
    yield "bomb-header.tif", _tiff({256: HUGE, 257: HUGE, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: HUGE, 279: 9})
    yield "bomb-lossless.webp", _webp(b"VP8L", b"\x2f" + struct.pack("<I", 16383 | 16383 << 14) + bytes(64))
    yield "bomb-canvas.webp", _webp(b"VP8X", bytes([0] * 4) + b"\xff\xff\xff" + b"\xff\xff\xff")
    yield "bomb-thin.png", _png(2**30, 1, 1, 0, _deflated(bytes(1000), 1))
    yield "bomb-text.png", _png(8, 8, 8, 0, _deflated(bytes(9), 8), ztxt=_deflated(bytes(1024**2), 20))
    yield "bomb-profile.png", _png(8, 8, 8, 0, _deflated(bytes(9), 8), iccp=_deflated(bytes(1024**2), 20))
    yield "bomb-scans.jpg", _many_scans(20_000)
    yield "bomb-deflate.tif", _tiff_deflate_bomb()
    yield "bomb-archive.jpg", _zip()


def _lies() -> Iterator[tuple[str, bytes]]:
    small = _deflated(bytes(9), 8)
    yield "too-little-data.png", _png(500, 500, 8, 2, small)
    yield "too-much-data.png", _png(8, 8, 8, 2, _deflated(bytes(1024), 20_000))
    yield "no-size.png", _png(0, 0, 8, 2, small)
    yield "no-height.png", _png(8, 0, 8, 2, small)
    yield "odd-depth.png", _png(8, 8, 13, 2, small)
    yield "odd-colours.png", _png(8, 8, 8, 5, small)
    yield "no-palette.png", _png(8, 8, 8, 3, small)
    yield "no-deflate.png", _png(8, 8, 8, 2, b"not deflated at all")
    yield "wrong-checksum.png", _saved("PNG").replace(b"IDAT", b"IDAt", 1)
    yield "long-chunk.png", _saved("PNG")[:33] + struct.pack(">I", 2**31 - 1) + b"IDAT"
    yield "negative-chunk.png", _saved("PNG")[:33] + b"\xff\xff\xff\xffIDAT"
    yield "two-headers.png", _png(8, 8, 8, 0, small)[:33] + _png(HUGE, HUGE, 8, 0, small)[8:]
    yield "odd-interlace.png", _png(8, 8, 8, 0, small, interlace=1)
    yield "no-size.jpg", _jpeg_of_size(0, 0)
    yield "no-tables.jpg", b"\xff\xd8\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(100) + b"\xff\xd9"
    yield "segment-too-long.jpg", b"\xff\xd8\xff\xe1\xff\xff" + b"Exif\0\0"
    yield "segment-too-short.jpg", b"\xff\xd8\xff\xe1\x00\x00" + _saved("JPEG")[2:]
    yield "fill-bytes.jpg", b"\xff\xd8" + b"\xff" * 200_000 + _saved("JPEG")[2:]
    yield "nine-components.jpg", _jpeg_of_size(8, 8, components=9)
    yield "negative.bmp", _bmp(-8, 8)
    yield "upside-down.bmp", _bmp(8, -8)
    yield "least-height.bmp", _bmp(8, -(2**31))
    yield "far-pixels.bmp", _bmp(8, 8, offset=2**32 - 1)
    yield "run-past-the-end.bmp", _bmp(8, 8, bits=8, compression=1, data=b"\xff\x01" * 500)
    yield "jump-past-the-end.bmp", _bmp(8, 8, bits=8, compression=1, data=b"\x00\x02\xff\xff" * 500)
    yield "odd-bits.bmp", _bmp(8, 8, bits=7)
    yield "endless-codes.gif", _gif_frame(8, 8, data=b"\x0c" + b"\xff" + b"\xaa" * 255 + b"\xff" + b"\xaa" * 255)
    yield "odd-code-size.gif", _gif_frame(8, 8, data=b"\xff\x01\x00\x00")
    yield "no-frame.gif", b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0, 0, 0) + b";"
    yield "endless-extensions.gif", b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0, 0, 0) + b"\x21\xfe\x01a\x00" * 50_000
    yield "riff-too-long.webp", _saved("WEBP")[:4] + b"\xff\xff\xff\xff" + _saved("WEBP")[8:]
    yield "riff-too-short.webp", _saved("WEBP")[:4] + bytes(4) + _saved("WEBP")[8:]
    yield "no-chunk.webp", b"RIFF\x04\0\0\0WEBP"
    directory = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 277: 1, 278: 8, 279: 64}
    yield "loop-of-directories.tif", _tiff({**directory, 273: 8}, following=8)
    yield "far-directory.tif", b"II*\0" + struct.pack("<I", 2**32 - 2)
    yield "far-strips.tif", _tiff({**directory, 273: 2**32 - 1})
    yield "absurd-tiles.tif", _tiff({**directory, 322: 2**31 - 16, 323: 2**31 - 16, 324: 8, 325: 64})
    yield "no-tiles.tif", _tiff({**directory, 322: 0, 323: 0, 324: 8, 325: 64})
    yield "no-rows-per-strip.tif", _tiff({**directory, 273: 8, 278: 0})
    yield "odd-compression.tif", _tiff({**directory, 273: 8, 259: 60_000})
    yield "many-samples.tif", _tiff({**directory, 273: 8, 277: 60_000})
    yield "old-jpeg.tif", _tiff({**directory, 273: 8, 259: 6})
    yield "fax.tif", _tiff({**directory, 273: 8, 259: 4, 258: 1})
    yield "many-entries.tif", b"II*\0" + struct.pack("<IH", 8, 65535) + bytes(12 * 65535)
    yield "big.tif", b"II+\0" + struct.pack("<HHQ", 8, 0, 2**63)


def _disguises() -> Iterator[tuple[str, bytes]]:
    yield "page.jpg", b"<!doctype html><html>" + SCRIPT
    yield "drawing.png", b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>"
    yield "document.jpg", b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj"
    yield "postscript.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\nshowpage\n"
    yield (
        "windows-postscript.tif",
        b"\xc5\xd0\xd3\xc6" + struct.pack("<7I", 32, 60, 0, 0, 0, 0, 0) + b"%!PS-Adobe-3.0\n",
    )
    yield "program.png", b"\x7fELF" + bytes(60)
    yield "shell.gif", b"#!/bin/sh\nid\n"
    yield "script.gif", b"GIF89a=1;alert(1)//" + bytes(50)
    yield "picture-and-script.gif", _saved("GIF") + SCRIPT
    yield "picture-and-archive.png", _saved("PNG") + _zip()
    yield "picture-and-page.jpg", _saved("JPEG", comment=SCRIPT)
    yield "picture-and-page.bmp", _saved("BMP") + SCRIPT
    yield "another-format.jpg", _saved("PNG", seed=2)
    yield "two-pictures.jpg", _saved("JPEG") + _saved("JPEG", seed=3)


def _metadata() -> Iterator[tuple[str, bytes]]:
    for orientation in (0, 9, 255, 65535):
        yield f"orientation-{orientation}.jpg", _saved("JPEG", exif=_exif(orientation))
    yield (
        "orientation-text.jpg",
        _saved("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"),
    )
    yield "exif-loop.jpg", _saved("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0")
    yield "exif-far.jpg", _saved("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    yield "exif-noise.png", _saved("PNG", exif=b"Exif\0\0" + bytes(range(256)) * 4)
    yield "exif-large.jpg", _saved("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(65_000))
    yield "exif-large.webp", _saved("WEBP", exif=b"Exif\0\0II*\0" + bytes(2_000_000))
    yield "profile-noise.jpg", _saved("JPEG", icc_profile=bytes(range(256)) * 40)
    yield "profile-noise.png", _saved("PNG", icc_profile=b"\xff" * 5000)
    yield "profile-noise.tif", _saved("TIFF", icc_profile=b"\0" * 500)
    yield "profile-noise.webp", _saved("WEBP", icc_profile=b"acsp" * 500)


def _colours() -> Iterator[tuple[str, bytes]]:
    for mode, kind in (
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("LAB", "TIFF"),
        ("YCbCr", "TIFF"),
        ("1", "PNG"),
        ("LA", "PNG"),
        ("RGBA", "WEBP"),
        ("P", "BMP"),
    ):
        yield f"colours-{mode}.{_SUFFIX[kind]}", _saved(kind, mode=mode)
    for name, pixels in {
        "16-bits": np.arange(SIDE * SIDE, dtype=np.uint16),
        "32-bits": np.arange(SIDE * SIDE, dtype=np.int32) - 9,
        "floats": np.linspace(-1e30, 1e30, SIDE * SIDE, dtype=np.float32),
        "not-finite": np.full(SIDE * SIDE, np.nan, dtype=np.float32),
        "infinite": np.full(SIDE * SIDE, np.inf, dtype=np.float32),
    }.items():
        file = io.BytesIO()
        Image.fromarray(pixels.reshape(SIDE, SIDE)).save(file, "TIFF")
        yield f"colours-{name}.tif", file.getvalue()
    yield "colours-ycck.jpg", _saved("JPEG", mode="CMYK").replace(b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\x02")
    yield (
        "colours-odd-transform.jpg",
        _saved("JPEG", mode="CMYK").replace(b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\x09"),
    )


def _animations() -> Iterator[tuple[str, bytes]]:
    frames = [Image.new("L", (8, 8), number % 256) for number in range(500)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        file = io.BytesIO()
        frames[0].save(file, kind, save_all=True, append_images=frames[1:])
        yield f"animated.{_SUFFIX[kind]}", file.getvalue()
    frame = _gif_frame(8, 8)
    yield "ten-thousand-frames.gif", frame[:-1] + frame[13:-1] * 10_000 + b";"


def _foreign() -> Iterator[tuple[str, bytes]]:
    """Formats that Pillow opens and Winnow does not take, under names that it takes."""
    picture = Image.new("RGB", (32, 32), "red")
    for kind in (
        "ICO",
        "ICNS",
        "PPM",
        "TGA",
        "PCX",
        "SGI",
        "DDS",
        "JPEG2000",
        "AVIF",
        "QOI",
        "MSP",
        "XBM",
        "EPS",
        "PDF",
    ):
        file = io.BytesIO()
        (picture.convert("1") if kind in {"MSP", "XBM"} else picture).save(file, kind)
        yield f"foreign-{kind.lower()}.png", file.getvalue()
    yield "foreign-psd.jpg", b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 8, 3) + bytes(300)
    yield "foreign-fits.jpg", b"SIMPLE  =                    T".ljust(80) + b"END".ljust(2800)
    yield "foreign-wmf.bmp", b"\xd7\xcd\xc6\x9a" + bytes(40)
    yield "foreign-emf.bmp", b"\x01\0\0\0" + bytes(36) + b" EMF" + bytes(60)
    yield "foreign-grib.tif", b"GRIB" + bytes(4) + b"\x01" + bytes(60)


def _noise() -> Iterator[tuple[str, bytes]]:
    random = np.random.default_rng(7)
    for kind, suffix in _SUFFIX.items():
        yield f"noise.{suffix}", _saved(kind)[:12] + random.bytes(4000)
        damaged = bytearray(_saved(kind))
        for place in random.integers(20, len(damaged), 60):
            damaged[place] = int(random.integers(0, 256))
        yield f"damaged.{suffix}", bytes(damaged)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(
    width: int,
    height: int,
    depth: int,
    colours: int,
    packed: bytes,
    *,
    interlace: int = 0,
    ztxt: bytes | None = None,
    iccp: bytes | None = None,
) -> bytes:
    parts = [
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, interlace)),
    ]
    if ztxt is not None:
        parts.append(_chunk(b"zTXt", b"note\0\0" + ztxt))
    if iccp is not None:
        parts.append(_chunk(b"iCCP", b"profile\0\0" + iccp))
    return b"".join([*parts, _chunk(b"IDAT", packed), _chunk(b"IEND", b"")])


def _adam7(width: int, height: int) -> bytes:
    return _png(width, height, 8, 0, zlib.compress(bytes(range(256)) * 20), interlace=1)


def _deflated(block: bytes, times: int) -> bytes:
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(block) for _ in range(times)) + packer.flush()


def _jpeg_of_size(width: int, height: int, *, components: int = 1) -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, components) + b"\x01\x11\x00" * components
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame + b"\xff\xd9"


def _many_scans(count: int) -> bytes:
    """A progressive picture whose last scan comes again and again: few bytes each, and all pixels are gone through."""
    file = io.BytesIO()
    Image.new("L", (5000, 5000), 90).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    return whole[:-2] + whole[whole.rindex(b"\xff\xda") : -2] * count + whole[-2:]


def _bmp(
    width: int, height: int, *, bits: int = 24, compression: int = 0, offset: int = 54, data: bytes = bytes(200)
) -> bytes:
    palette = bytes(1024) if bits == 8 else b""
    start = offset if offset != 54 else 54 + len(palette)
    header = struct.pack("<2sIHHI", b"BM", 54 + len(data), 0, 0, start)
    return header + struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0) + palette + data


def _gif_frame(width: int, height: int, data: bytes = b"\x02\x02\x44\x01\x00") -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0, 0, 0)
    return screen + b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0x80) + bytes(6) + data + b";"


def _webp(kind: bytes, data: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _tiff(entries: dict[int, int], *, following: int = 0) -> bytes:
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", following) + bytes(100)


def _tiff_deflate_bomb() -> bytes:
    packed = _deflated(bytes(1024**2), 20)
    entries = {256: 8, 257: 8, 258: 8, 259: 8, 262: 1, 273: 134, 277: 1, 278: 8, 279: len(packed)}
    return _tiff(entries)[: 8 + 2 + 12 * 9 + 4].ljust(134, b"\0") + packed


def _exif(orientation: int) -> bytes:
    return b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../escape.png", bytes(1_000_000))
    return file.getvalue()
