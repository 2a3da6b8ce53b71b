"""Engines that know the statements of those before them: each test has its own, and would compile everything anew."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event


class SharedStatements:
    """Makes engines; those of a kind have one dialect and one cache of compiled statements, which go by it."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str | None], Engine] = {}

    def create_engine(self, url: str, **options: Any) -> Engine:
        """Return an engine with a pool of its own, as SQLAlchemy's function of this name does."""
        engine = create_engine(url, query_cache_size=5_000, **options)
        # A dialect also knows how isolated its connections are at first.
        kind = engine.name, options.get("isolation_level")
        first = self._first.get(kind)
        if first is None:
            # A dialect gets to know its server with its first connection; not before can others do with it.
            event.listen(engine, "connect", lambda *_: self._first.setdefault(kind, engine))
        else:
            engine.dialect = engine.pool._dialect = first.dialect
            engine._compiled_cache = first._compiled_cache
        return engine
