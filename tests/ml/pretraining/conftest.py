"""Fixtures for runs."""

from __future__ import annotations

import pytest


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are told after each step, not once a second."""
    from ml.pretraining import telling

    monkeypatch.setattr(telling, "_TOLD_EVERY_S", 0)
