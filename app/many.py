"""Many ids, or many rows, as a single parameter of a statement, on both databases.

A list of parameters makes another statement for each length of it: its text is put together anew, no database knows it
from before, and both bound how many parameters one may have.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Self

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Connection,
    Dialect,
    FunctionElement,
    Insert,
    SQLColumnExpression,
    Text,
    TypeDecorator,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine


class Ids(TypeDecorator[Collection[int]]):
    """Ids as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(BigInteger()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Collection[int] | None, dialect: Dialect) -> Any:
        ids = [int(id) for id in value or ()]
        return ids if dialect.name == "postgresql" else json.dumps(ids)


def among(column: SQLColumnExpression[int] | SQLColumnExpression[int | None], ids: Collection[int] | str) -> Among:
    """Return the condition that a column holds one of these ids, or of those given later as the parameter `ids`."""
    return Among(column, bindparam(ids, type_=Ids()) if isinstance(ids, str) else bindparam(None, ids, type_=Ids()))


class Among(FunctionElement[bool]):
    """What `among` returns."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> Self:
        # A condition as it is: compared with 1, as SQLAlchemy would have it on SQLite, it would not go by an index.
        return self


@compiles(Among, "postgresql")
def _any(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = element.clauses
    return f"{compiler.process(column, **options)} = ANY ({compiler.process(ids, **options)})"


@compiles(Among, "sqlite")
def _in(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = element.clauses
    return f"{compiler.process(column, **options)} IN (SELECT value FROM json_each({compiler.process(ids, **options)}))"


def insert_rows(connection: Connection, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of one shape in their order. They name every column that has to have a value and is not counted up.

    PostgreSQL takes them column by column: row by row they take five times as long, nearly all of it here.
    """
    if not rows:
        return
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), rows)
        return
    names = tuple(rows[0])
    columns = {name: [row[name] for row in rows] for name in names}
    connection.execute(_by_columns(table, names), columns)


@cache
def _by_columns(table: Any, names: tuple[str, ...]) -> Insert:
    types = {name: table.__table__.columns[name].type for name in names}
    values = func.unnest(*(bindparam(name, type_=ARRAY(of)) for name, of in types.items()))
    rows = values.table_valued(*names).render_derived()
    return insert(table).from_select(names, select(*(rows.c[name] for name in names)), include_defaults=False)
