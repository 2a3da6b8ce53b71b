"""A reindex: a new index version of a pool, built aside by child processes, checked, then a candidate or served."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.db import Database
from app.errors import Conflict
from app.jobs import queries as jobs
from app.jobs.child import Stopped
from app.jobs.originals import listed, originals
from app.jobs.work import Result, Work
from app.registry import encoders, queries
from app.registry.keeping import tidy
from app.registry.queries import VersionLine
from app.registry.serving import lock_versions, serve
from app.search.unfit import UnfitIndex
from app.settings import Settings
from ml.artifacts import BadArtifact, EncoderManifest, IndexManifest, remove_abandoned_drafts
from ml.images import write_list

# A job's result names so many; `left_out.jsonl` of the index version names all.
NAMED_AT_MOST = 20


class NothingToIndex(Conflict):
    """This pool has no images yet; import a folder first."""


class ServedEncoderGone(Conflict):
    """The encoder of the served index version is no longer there; put its folder back, or name another encoder."""


def reindex(work: Work) -> Result:
    """Embed a pool's images and build an index version of them; done again, it goes on where it stopped.

    It is served at once if its encoder is that of the served one, if none is served, or if the job says so; else it
    waits as a candidate. Vectors that the served version holds are taken from there if its encoder is the same.
    Images whose file is gone, changed or unreadable are left out and named. Raises NothingToIndex,
    ServedEncoderGone, UnfitIndex, ChildFailed and Stopped; no version comes of that, and the version served before
    stays.
    """
    pool_id = work.job.pool_id
    with work.database.read() as session:
        images = originals(session, pool_id=pool_id)
        served = queries.served_version(session, pool_id=pool_id)
    folder, encoder = encoders.find_encoder(work.settings, _encoder_name(work, served))
    name = f"{pool_id}-{encoder.digest[:12]}"
    place = work.settings.vectors / name
    index = work.settings.indexes / f"{name}-{secrets.token_hex(4)}"
    if not images:
        raise NothingToIndex(f"The pool “{work.job.pool}” has no images yet; import a folder first.")
    # What a reindex left that was killed between publishing a folder and adding its row.
    tidy(work.database, work.settings, pool_id=pool_id)

    place.mkdir(parents=True, exist_ok=True)
    write_list(place / "images.jsonl", map(listed, images))
    try:
        if not _embed(work, folder, encoder, place, served):
            raise NothingToIndex(
                f"None of the {len(images):,} images of “{work.job.pool}” can be read where it was imported from; "
                "import the folder that they are in now."
            )
        _index(work, place, index)
        checks = _checked(work, encoder, index, images=len(images))
        version, is_served = _register(work, encoder, index, checks)
    except BaseException:
        shutil.rmtree(index, ignore_errors=True)
        remove_abandoned_drafts(work.settings.indexes)
        raise
    shutil.rmtree(place, ignore_errors=True)
    left_out = _left_out(index, paths={image.sha256: image.path for image in images})
    removed = tidy(work.database, work.settings, pool_id=pool_id)
    return {
        "index_version": version.id,
        "encoder": version.encoder,
        "served": is_served,
        "count": version.count,
        "left_out": len(left_out),
        "left_out_named": left_out[:NAMED_AT_MOST],
        "checks": version.checks,
        "removed": removed,
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
        # Its checksums were compared by the checks.
        manifest = IndexManifest.read(folder, verify=False)
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


def _encoder_name(work: Work, served: VersionLine | None) -> str:
    """Return the encoder that the job names, else that of the served version, so that new images join the others.

    Raises ServedEncoderGone: with another encoder they would wait as a candidate, and no review would show them.
    """
    named: str | None = work.job.arguments.get("encoder")
    if named is not None:
        return named
    if served is None:
        return work.settings.encoder
    name = encoders.name_of(work.settings, digest=served.digest)
    if name is None:
        raise ServedEncoderGone(
            f"The encoder “{served.encoder}”, whose index version is served, is no longer there. Put its folder back, "
            "or reindex with another encoder on the page Encoders and serve what comes of it."
        )
    return name


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


def _checked(work: Work, encoder: EncoderManifest, index: Path, *, images: int) -> dict[str, Any]:
    """Return what the new version was found to be, by a process that maps and searches it as the server does.

    Raises UnfitIndex and ChildFailed.
    """
    events = work.run("app.cli", "check-index", "--job", str(work.job.id), "--", str(index))
    checks: dict[str, Any] = next(event["result"] for event in events if event.get("event") == "result")
    manifest = checked_index(index, encoder)
    if manifest.count + manifest.left_out != images:
        raise UnfitIndex(
            f"The index knows {manifest.count + manifest.left_out:,} images, but the pool had {images:,}; "
            "the one served before stays."
        )
    return {"images": images, **checks}


def _register(work: Work, encoder: EncoderManifest, index: Path, checks: dict[str, Any]) -> tuple[VersionLine, bool]:
    """Add the row of a version that is fit, and serve it if it is its turn; return it and whether it is served."""
    pool_id = work.job.pool_id
    with work.database.write() as session:
        # Stopped or taken up by others at the last moment, it must not appear after all.
        if not jobs.renew(session, job=work.job, progress=None):
            raise Stopped
        encoder_id = encoders.register(session, manifest=encoder)
        lock_versions(session, pool_id=pool_id)
        served = queries.served_version(session, pool_id=pool_id)
        version_id = queries.add_version(
            session,
            pool_id=pool_id,
            encoder_id=encoder_id,
            artifact=index.name,
            count=checks["count"],
            checks=checks,
        )
        is_served = served is None or served.digest == encoder.digest or bool(work.job.arguments.get("serve"))
        if is_served:
            asked = {"person_id": work.job.person_id, "job_id": work.job.id}
            serve(session, pool_id=pool_id, version_id=version_id, **asked)
        return queries.version(session, id=version_id), is_served


def _left_out(index: Path, *, paths: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the images without a vector by the paths that people know, each with the reason."""
    with (index / "left_out.jsonl").open(encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return [{"path": paths[entry["id"]], "reason": entry["reason"]} for entry in entries]
