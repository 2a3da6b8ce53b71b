"""A pool of made-up vectors in heaps, one heap a class: everything is real but the pictures."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from sqlalchemy import insert, select

from app.db import Database
from app.pools.thumbnails import ThumbnailStore
from app.settings import Settings
from app.tables import Encoder, Folder, Image, ImagePath, IndexVersion, LabelClass, Pool, PoolImage, Served
from ml.artifacts import IndexManifest, checksums, now, publishing

DIMENSION = 512
NOISE = 1.3  # beside a heap's direction of length 1: first pages are about as pure as those of photographs
_AT_ONCE = 10_000


def make_pool(settings: Settings, database: Database, *, name: str, count: int, classes: int) -> dict[str, str]:
    """Fill the home as an import and a reindex would have, and return the class of each image.

    All images share one thumbnail, linked once for each.
    """
    random = np.random.default_rng(1)
    heaps = random.standard_normal((classes, DIMENSION)).astype(np.float32)
    heaps /= np.linalg.norm(heaps, axis=1, keepdims=True)
    of_heap = np.arange(count) % classes
    vectors = heaps[of_heap] + NOISE / DIMENSION**0.5 * random.standard_normal((count, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    images = [hashlib.sha256(f"{name} {number}".encode()).hexdigest() for number in range(count)]
    names = [f"class {number}" for number in range(classes)]
    _publish(settings.indexes / f"{name}-1", vectors, images)
    _insert(database, name=name, images=images, names=names)
    database.count_anew()
    _link_thumbnails(settings.thumbnails, images)
    return {image: names[heap] for image, heap in zip(images, of_heap, strict=True)}


def _publish(target: Path, vectors: NDArray[np.float32], images: list[str]) -> None:
    order = np.argsort(images)
    with publishing(target) as draft:
        index = faiss.IndexFlatIP(DIMENSION)
        index.add(vectors[order])
        faiss.write_index(index, str(draft / "index.faiss"))
        digests = np.frombuffer(b"".join(bytes.fromhex(images[row]) for row in order), dtype=np.uint8)
        np.save(draft / "images.npy", digests.reshape(-1, 32))
        mean = vectors.mean(axis=0)
        covariance = (vectors.T @ vectors / len(vectors) - np.outer(mean, mean)).astype(np.float32)
        np.savez(draft / "statistics.npz", mean=mean, covariance=covariance)
        np.save(draft / "stacks.npy", np.arange(len(images), dtype=np.int32))
        (draft / "left_out.jsonl").touch()
        files = ["index.faiss", "images.npy", "statistics.npz", "stacks.npy", "left_out.jsonl"]
        IndexManifest(
            encoder="made-up",
            encoder_digest="0" * 64,
            dimension=DIMENSION,
            count=len(images),
            left_out=0,
            files=checksums(draft, files),
            created_at=now(),
        ).write(draft)


def _insert(database: Database, *, name: str, images: list[str], names: list[str]) -> None:
    with database.write() as session:
        pool = Pool(name=name, name_key=name)
        encoder = Encoder(name="made-up", digest=hashlib.sha256(name.encode()).hexdigest(), dimension=DIMENSION)
        session.add_all([pool, encoder])
        session.flush()
        folder = Folder(pool_id=pool.id, location=f"/pictures/{name}")
        version = IndexVersion(pool_id=pool.id, encoder_id=encoder.id, artifact=f"{name}-1", count=len(images))
        session.add_all([folder, version])
        session.add_all([LabelClass(pool_id=pool.id, name=label, name_key=label) for label in names])
        session.flush()
        session.add(Served(pool_id=pool.id, index_version_id=version.id))
        for start in range(0, len(images), _AT_ONCE):
            some = images[start : start + _AT_ONCE]
            rows = [{"sha256": image, "width": 96, "height": 96, "format": "JPEG"} for image in some]
            session.execute(insert(Image), rows)
            ids = dict(session.execute(select(Image.sha256, Image.id).where(Image.sha256.in_(some))).tuples().all())
            session.execute(insert(PoolImage), [{"pool_id": pool.id, "image_id": ids[image]} for image in some])
            places = [
                {
                    "folder_id": folder.id,
                    "image_id": ids[image],
                    "path": f"{start + number:06}.jpg",
                    "size": 1,
                    "mtime_ns": 1,
                }
                for number, image in enumerate(some)
            ]
            session.execute(insert(ImagePath), places)


def _link_thumbnails(root: Path, images: list[str]) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    picture = Picture.fromarray(noise).resize((96, 96))
    ThumbnailStore(root).put(images[0], picture)
    made = next(root.glob(f"*/*/{images[0]}.webp"))
    for image in images[1:]:
        target = made.parent.parent / image[:2] / f"{image}.webp"
        target.parent.mkdir(exist_ok=True)
        try:
            target.hardlink_to(made)
        except OSError:  # a file system takes only so many links to one file
            shutil.copy(made, target)
            made = target
