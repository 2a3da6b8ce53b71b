"""Moments that somebody asks about."""

from __future__ import annotations

from datetime import UTC, datetime

from app.errors import Invalid


class BadMoment(Invalid):
    """This moment lies outside the calendar."""


def aware(moment: datetime | None) -> datetime | None:
    """Return a moment in UTC, which it is in unless it says otherwise. Raises BadMoment."""
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise BadMoment from error
