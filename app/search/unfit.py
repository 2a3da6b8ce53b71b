"""What is said of an index that must not be served."""

from __future__ import annotations

from app.errors import Conflict


class UnfitIndex(Conflict):
    """The index that was built does not fit its encoder, so the one served before stays."""
