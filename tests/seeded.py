"""A small pool with an exact index of made-up vectors: everything is real but the pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from app.db import Database
from app.phrases import insert_rows
from app.settings import Settings
from app.tables import Encoder, Folder, Image, ImagePath, IndexVersion, LabelClass, Pool, PoolImage, Served
from ml.artifacts import IndexManifest, checksums, now, publishing


@dataclass(frozen=True)
class SeededPool:
    name: str
    images: list[str]  # SHA-256 in hex, in the order of the vectors given


def two_heaps(near: int, far: int, dimension: int = 16, seed: int = 0) -> NDArray[np.float32]:
    """Return unit vectors: `near` ones around one direction, then `far` ones around another."""
    random = np.random.default_rng(seed)
    heaps = np.repeat(np.eye(dimension)[:2], [near, far], axis=0)
    vectors = heaps + 0.15 * random.standard_normal(heaps.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def seed_pool(
    settings: Settings,
    database: Database,
    *,
    vectors: NDArray[np.float32],
    name: str = "birds",
    classes: Sequence[str] = ("owl",),
    classes_per_image: str = "one",
    stacks: Sequence[Sequence[int]] = (),
) -> SeededPool:
    """Fill the database as an import and a reindex would have.

    `stacks` are the places, in the order of the vectors, of images that are near-identical, the leader first.
    """
    images = [hashlib.sha256(f"{name} {number}".encode()).hexdigest() for number in range(len(vectors))]
    artifact = f"{name}-1"
    publish_index(settings.indexes / artifact, vectors, images, stacks)
    with database.write() as session:
        pool = Pool(name=name, name_key=name, classes_per_image=classes_per_image)
        encoder = Encoder(name="made-up", digest=hashlib.sha256(name.encode()).hexdigest(), dimension=vectors.shape[1])
        session.add_all([pool, encoder])
        session.flush()
        folder = Folder(pool_id=pool.id, location=f"/pictures/{name}")
        version = IndexVersion(pool_id=pool.id, encoder_id=encoder.id, artifact=artifact, count=len(vectors))
        session.add_all([folder, version])
        session.add_all([LabelClass(pool_id=pool.id, name=label, name_key=label.casefold()) for label in classes])
        session.flush()
        session.add(Served(pool_id=pool.id, index_version_id=version.id))
        # Not as objects, nor each by itself: either takes longer than most tests.
        connection = session.connection()
        picture = {"width": 8, "height": 8, "format": "PNG", "created_at": pool.created_at}
        insert_rows(connection, Image, [{"sha256": image, **picture} for image in images])
        ids = dict(session.execute(select(Image.sha256, Image.id)).all())
        rows = [ids[image] for image in images]
        insert_rows(connection, PoolImage, [{"pool_id": pool.id, "image_id": row} for row in rows])
        file = {"folder_id": folder.id, "size": 1, "mtime_ns": 1}
        paths = [{"image_id": row, "path": f"{number:04}.png", **file} for number, row in enumerate(rows)]
        insert_rows(connection, ImagePath, paths)
    return SeededPool(name, images)


def serve_new_version(
    settings: Settings, database: Database, pool: SeededPool, *, vectors: NDArray[np.float32]
) -> None:
    """Publish other vectors of the same images and serve them."""
    artifact = f"{pool.name}-2"
    publish_index(settings.indexes / artifact, vectors, pool.images)
    with database.write() as session:
        served = session.scalars(select(Served).join(Pool).where(Pool.name == pool.name)).one()
        before = session.get_one(IndexVersion, served.index_version_id)
        added = IndexVersion(
            pool_id=before.pool_id, encoder_id=before.encoder_id, artifact=artifact, count=len(vectors)
        )
        session.add(added)
        session.flush()
        served.index_version_id = added.id


def publish_index(
    target: Path, vectors: NDArray[np.float32], images: list[str], stacks: Sequence[Sequence[int]] = ()
) -> None:
    order = np.argsort(images)
    rows = np.argsort(order)
    leaders = np.arange(len(images), dtype=np.int32)
    for stack in stacks:
        leaders[rows[list(stack)]] = rows[stack[0]]
    with publishing(target) as draft:
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors[order])
        faiss.write_index(index, str(draft / "index.faiss"))
        np.save(draft / "images.npy", np.array([list(bytes.fromhex(images[row])) for row in order], dtype=np.uint8))
        covariance = np.cov(vectors, rowvar=False).astype(np.float32)
        np.savez(draft / "statistics.npz", mean=vectors.mean(axis=0), covariance=covariance)
        np.save(draft / "stacks.npy", leaders)
        (draft / "left_out.jsonl").write_text("")
        IndexManifest(
            encoder="made-up",
            encoder_digest="0" * 64,
            dimension=vectors.shape[1],
            count=len(vectors),
            left_out=0,
            files=checksums(draft, ["index.faiss", "images.npy", "statistics.npz", "stacks.npy", "left_out.jsonl"]),
            created_at=now(),
        ).write(draft)
