"""A reindex: a new index version of a pool, built aside by child processes, checked, then served."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.db import Database
from app.errors import Conflict
from app.jobs.originals import listed, originals
from app.jobs.work import Result, Work
from app.registry import encoders, queries
from app.registry.queries import VersionLine
from app.settings import Settings
from ml.artifacts import BadArtifact, EncoderManifest, IndexManifest
from ml.images import write_list

# A job's result names so many; `left_out.jsonl` of the index version names all.
NAMED_AT_MOST = 20


class NothingToIndex(Conflict):
    """This pool has no images yet; import a folder first."""


class UnfitIndex(Conflict):
    """The index that was built does not fit its encoder, so the one served before stays."""


def reindex(work: Work) -> Result:
    """Embed a pool's images, build an index version of them and serve it; done again, it goes on where it stopped.

    Vectors that the served version holds are taken from there if its encoder is the same. Images whose file is
    gone, changed or unreadable are left out and named. Raises NothingToIndex, UnfitIndex, ChildFailed and
    Stopped; the version served before then stays.
    """
    folder, encoder = encoders.find_encoder(work.settings, work.job.arguments.get("encoder") or work.settings.encoder)
    name = f"{work.job.pool_id}-{encoder.digest[:12]}"
    place = work.settings.vectors / name
    index = work.settings.indexes / f"{name}-{secrets.token_hex(4)}"
    with work.database.read() as session:
        images = originals(session, pool_id=work.job.pool_id)
        served = queries.served_version(session, pool_id=work.job.pool_id)
    if not images:
        raise NothingToIndex(f"The pool “{work.job.pool}” has no images yet; import a folder first.")

    place.mkdir(parents=True, exist_ok=True)
    write_list(place / "images.jsonl", map(listed, images))
    embedded = _embed(work, folder, encoder, place, served)
    if not embedded:
        raise NothingToIndex(
            f"None of the {len(images):,} images of “{work.job.pool}” can be read where it was imported from; "
            "import the folder that they are in now."
        )
    _index(work, place, index)
    version = _serve(work, encoder, index)
    shutil.rmtree(place, ignore_errors=True)
    left_out = _left_out(index, paths={image.sha256: image.path for image in images})
    return {
        "index_version": version.id,
        "encoder": version.encoder,
        "count": version.count,
        "left_out": len(left_out),
        "left_out_named": left_out[:NAMED_AT_MOST],
    }


def has_seen_all(database: Database, settings: Settings, *, pool_id: int) -> bool:
    """Whether the served version holds every image of the pool, or has left it out for a reason."""
    with database.read() as session:
        served = queries.served_version(session, pool_id=pool_id)
        images = len(originals(session, pool_id=pool_id))
    if served is None:
        return False
    try:
        manifest = IndexManifest.read(settings.indexes / served.artifact)
    except BadArtifact:
        return False
    return manifest.count + manifest.left_out == images


def checked_index(folder: Path, encoder: EncoderManifest) -> IndexManifest:
    """Return the manifest of an index that is whole and was made by this encoder. Raises UnfitIndex."""
    try:
        manifest = IndexManifest.read(folder)
    except BadArtifact as error:
        raise UnfitIndex("The index that was built is damaged, so the one served before stays.") from error
    if manifest.dimension != encoder.dimension:
        raise UnfitIndex(
            f"The index holds vectors of {manifest.dimension} numbers, but the encoder “{encoder.name}” makes "
            f"{encoder.dimension}; the one served before stays."
        )
    if manifest.encoder_digest != encoder.digest:
        raise UnfitIndex(f"The index was made by another encoder than “{encoder.name}”; the one served before stays.")
    return manifest


def _embed(work: Work, folder: Path, encoder: EncoderManifest, place: Path, served: VersionLine | None) -> int:
    """Gather the vectors of all images in the list; return how many there are."""
    arguments = ["--encoder", str(folder), "--images", str(place / "images.jsonl"), "--out", str(place / "vectors")]
    if served is not None and served.digest == encoder.digest:
        present = work.settings.indexes / served.artifact
        if _is_whole(present):
            arguments += ["--reuse", str(present)]
    events = work.run("ml", "embed", *arguments, "--max-pixels", str(work.settings.max_pixels), "--progress", "json")
    return sum(int(event["images"]) - int(event["left_out"]) for event in events if event.get("kind") == "vectors")


def _index(work: Work, place: Path, index: Path) -> None:
    """Build the index of the gathered vectors, with the stacks of the pictures in the list if they are wanted."""
    arguments = ["--vectors", str(place / "vectors"), "--out", str(index), "--progress", "json"]
    if work.settings.stacks:
        pictures = ["--images", str(place / "images.jsonl"), "--max-pixels", str(work.settings.max_pixels)]
        arguments += pictures
    work.run("ml", "index", *arguments)


def _is_whole(index: Path) -> bool:
    """Whether vectors can be taken from an index version; from a damaged one none are, and all are made anew."""
    try:
        IndexManifest.read(index)
    except BadArtifact:
        return False
    return True


def _serve(work: Work, encoder: EncoderManifest, index: Path) -> VersionLine:
    """Check what was built and serve it, or remove it."""
    pool_id = work.job.pool_id
    try:
        count = checked_index(index, encoder).count
        with work.database.write() as session:
            encoder_id = encoders.register(session, manifest=encoder)
            version_id = queries.add_version(
                session, pool_id=pool_id, encoder_id=encoder_id, artifact=index.name, count=count
            )
            return queries.serve(session, pool_id=pool_id, version_id=version_id)
    except BaseException:
        shutil.rmtree(index, ignore_errors=True)
        raise


def _left_out(index: Path, *, paths: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the images without a vector by the paths that people know, each with the reason."""
    with (index / "left_out.jsonl").open(encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return [{"path": paths[entry["id"]], "reason": entry["reason"]} for entry in entries]
