"""What the review's API answers with, made from what the database holds."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.registry.queries import served_version, version
from app.review import bodies, lot_queries, page_queries, queries
from app.review.committing import standing
from app.review.page_queries import PageLine, Tile
from app.review.queries import ReviewLine
from app.review.query_out import query_out
from app.tables import now
from app.words import REJECT, SECOND, UNSURE


def page_out(
    session: Session,
    page: PageLine,
    *,
    review: ReviewLine | None = None,
    made: bool = False,
    remaining: int | None = None,
    leased: int | None = None,
) -> bodies.PageOut:
    """Return a page with its tiles and the marks that it has, or is to have.

    Its review is looked up unless it is given; a page that was `made` just now has no commits to look for.
    """
    review = review or queries.review(session, review_id=page.review_id)
    tiles = page_queries.tiles(session, page_id=page.id, pool_id=review.pool_id)
    planted = [tile.picture.image for tile in tiles if tile.planted]
    return bodies.PageOut(
        id=page.id,
        review=page.review_id,
        number=page.number,
        kind=page.kind,
        skipped=page.skipped,
        lot=page.lot_id,
        state="committed" if page.commit_id is not None else "open" if page.set_aside_at is None else "set aside",
        candidates=[_candidate(tile) for tile in tiles],
        marks=_marks(session, page, class_id=review.class_id, planted=planted, made=made),
        remaining=remaining,
        leased=leased,
        leased_for=seconds_left(page),
        message=review.merge_told,
    )


def seconds_left(page: PageLine) -> float | None:
    """Return for how long a page is still leased, in seconds, or None where it is not."""
    left = (page.leased_until - now()).total_seconds() if page.leased_until else 0
    return left if left > 0 else None


def review_out(session: Session, review_id: int) -> bodies.ReviewOut:
    """Return a review: what it started from, its pages so far, the class's totals."""
    review = queries.review(session, review_id=review_id)
    pinned = version(session, id=review.index_version_id)
    pictures = queries.query_pictures(session, review_id=review_id)
    pages = page_queries.pages(session, review_id=review_id)
    committed = [page for page in pages if page.commit_id is not None]
    last = max(committed, key=lambda page: page.commit_id or 0, default=None)
    lot, lot_commit = lot_queries.last_accepted(session, review_id=review_id)
    lot_is_last = lot is not None and (last is None or (lot_commit or 0) > (last.commit_id or 0))
    return bodies.ReviewOut(
        id=review.id,
        kind=review.kind,
        pool=review.pool,
        class_name=review.class_name,
        url=f"/reviews/{review.id}",
        person=review.person,
        query=query_out(pictures),
        encoder=pinned.encoder,
        index_version=pinned.id,
        served_version=served.id if (served := served_version(session, pool_id=review.pool_id)) else None,
        created_at=review.created_at,
        pages=[_page_summary(page) for page in pages],
        last_committed_page=last.id if last and not lot_is_last else None,
        last_committed_lot=lot if lot_is_last else None,
        lot=lot_queries.underway(session, review_id=review_id),
        **standing(session, review_id=review_id, class_id=review.class_id),
    )


def _candidate(tile: Tile) -> bodies.CandidateOut:
    # Whether it is a planted one is nobody's business yet.
    top = bodies.PictureOut.model_validate(tile.picture)
    return bodies.CandidateOut(
        **top.model_dump(), beneath=[bodies.PictureOut.model_validate(picture) for picture in tile.beneath]
    )


def _marks(session: Session, page: PageLine, *, class_id: int, planted: list[str], made: bool) -> bodies.Marks:
    """Return what the page's last commit struck out, to be restored after an undo.

    A second look that was never committed shows the verdicts as they stand.
    """
    commits = [] if made else page_queries.page_commits(session, page_id=page.id)
    if not commits:
        shown = page_queries.labels_on(session, page_id=page.id, class_id=class_id) if page.kind == SECOND else {}
        return bodies.Marks(rejected=shown.get(REJECT, []), unsure=shown.get(UNSURE, []))
    last = page_queries.last_verdicts(session, page_id=page.id)
    # Planted ones have no verdict; those that were not overlooked were struck out.
    overlooked = (commits[-1].answer or {}).get("missed", [])
    caught = [image for image in planted if image not in overlooked]
    return bodies.Marks(
        rejected=[*last.get(REJECT, []), *caught],
        unsure=last.get(UNSURE, []),
        opened=page_queries.opened_stacks(session, page_id=page.id),
    )


def _page_summary(page: PageLine) -> bodies.PageSummary:
    if page.answer is None:
        return bodies.PageSummary(id=page.id, number=page.number, kind=page.kind, state="open")
    counts = {name: page.answer[name] for name in ("accepted", "rejected", "unsure")}
    return bodies.PageSummary(id=page.id, number=page.number, kind=page.kind, state="committed", **counts)
