"""Engines that go on where those before them ended: each test has its own, and would begin with nothing."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, create_engine, event, make_url

# More are not kept: a test with many people has as many as the server lets it have.
KEPT_AT_MOST = 20


class SharedEngines:
    """Makes engines that share what takes long to come by.

    Those of a kind have one dialect and one cache of compiled statements, which go by it. Those of the database that
    is kept (`keep`) use the connections of engines that are gone: on PostgreSQL each is a process, which takes 20 ms
    of a core to start and to get to know its tables.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[str, str | None], Engine] = {}
        self._kept: str | None = None
        self._ours: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
        self._spare: list[Any] = []

    def create_engine(self, url: str, **options: Any) -> Engine:
        """Return an engine with a pool of its own, as SQLAlchemy's function of this name does."""
        engine = create_engine(url, query_cache_size=5_000, **options)
        if engine.name == "postgresql":
            if url == self._kept:
                event.listen(engine, "do_connect", self._connect)
            engine.dialect.do_close = self._close  # type: ignore[method-assign]
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

    def keep(self, url: str) -> None:
        """Keep the connections to this database, whose server stays as it is until `let_go`."""
        self._kept = make_url(url).render_as_string(hide_password=False)

    def let_go(self) -> None:
        """Close the connections that nobody uses."""
        self._kept = None
        while self._spare:
            self._spare.pop().close()

    def _connect(self, dialect: Any, _record: object, arguments: Any, options: Any) -> Any:
        try:
            return self._spare.pop()
        except IndexError:
            connection = dialect.connect(*arguments, **options)
            self._ours[connection] = True
            return connection

    def _close(self, connection: Any) -> None:
        if self._kept is not None and connection in self._ours and len(self._spare) < KEPT_AT_MOST:
            try:
                # As the driver hands them out.
                connection.rollback()
                connection.autocommit = False
                connection.isolation_level = connection.read_only = None
            except connection.Error:
                pass  # It is broken, or was closed.
            else:
                self._spare.append(connection)
                return
        connection.close()
