"""A pool whose vectors claim to be the shipped encoder's, so that it embeds uploads and parts of originals on disk."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import select, update

from app.db import Database
from app.registry.encoders import find_encoder
from app.settings import Settings
from app.tables import Encoder, Folder, ImagePath
from app.tables import Image as ImageRow
from tests.seeded import SeededPool, seed_pool, two_heaps


def pool_of_the_shipped_encoder(settings: Settings, database: Database) -> SeededPool:
    """Seed a pool whose vectors claim to be the shipped encoder's. No original is there yet."""
    _, encoder = find_encoder(settings, settings.encoder)
    pool = seed_pool(settings, database, vectors=two_heaps(10, 10, dimension=encoder.dimension))
    with database.write() as session:
        session.execute(update(Encoder).values(name=encoder.name, digest=encoder.digest, dimension=encoder.dimension))
    return pool


def put_original(database: Database, folder: Path, image: str, content: bytes) -> Path:
    """Lay an image's original where the pool expects it."""
    with database.write() as session:
        path = session.scalars(select(ImagePath).join(ImageRow).where(ImageRow.sha256 == image)).one()
        session.execute(update(Folder).where(Folder.id == path.folder_id).values(location=str(folder)))
        file = folder / path.path
        file.write_bytes(content)
        path.size, path.mtime_ns = len(content), file.stat().st_mtime_ns
    return file


def noise(width: int = 64, height: int = 64, seed: int = 0) -> Image.Image:
    """Return a picture of which no two parts are alike."""
    pixels = np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def png(picture: Image.Image, *, orientation: int = 1) -> bytes:
    """Return the picture as a PNG file whose EXIF data says how it is to be turned."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    picture.save(file, "PNG", exif=exif)
    return file.getvalue()
