"""Fixtures for runs, and for what several processes have in common."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are told after each step, not once a second."""
    from ml.pretraining import telling

    monkeypatch.setattr(telling, "_TOLD_EVERY_S", 0)


@pytest.fixture(scope="session")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks came to."""
    from tests.ml.pretraining.two_ranks import two_ranks

    return two_ranks(tmp_path_factory.mktemp("ranks"))
