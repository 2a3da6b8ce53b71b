"""Phrases of statements that are put together once, and asked for every page (docs/decisions/0023-many-at-once.md).

Many ids, or many rows, are a single parameter, on both databases: a list of parameters makes another statement for each
length of it, whose text is put together anew and which no database knows from before; and both bound its length.
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
    String,
    Text,
    TypeDecorator,
    bindparam,
    func,
    insert,
    literal_column,
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
        ids = [] if value is None else [int(id) for id in value]
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


@compiles(Among)
def _any(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = element.clauses
    return f"{compiler.process(column, **options)} = ANY ({compiler.process(ids, **options)})"


@compiles(Among, "sqlite")
def _in(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = element.clauses
    return f"{compiler.process(column, **options)} IN (SELECT value FROM json_each({compiler.process(ids, **options)}))"


def fixed(word: str) -> SQLColumnExpression[str]:
    """Return a word of ours as a part of the statement's text.

    As a parameter, PostgreSQL would sooner or later plan for whatever it might be: it took “not an undo” for a
    condition that nothing meets where nothing has been undone, and looked through all commits.
    """
    if not word.isidentifier():
        raise ValueError(f"Not one of our words: {word}")
    return literal_column(f"'{word}'", String)


def insert_rows(connection: Connection, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of one shape in their order. They name every column that has to have a value and is not counted up.

    PostgreSQL is sent them column by column, in one statement; row by row each would be one.
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
    types = {name: _as_sent(table.__table__.columns[name].type) for name in names}
    values = func.unnest(*(bindparam(name, type_=ARRAY(of)) for name, of in types.items()))
    rows = values.table_valued(*names).render_derived()
    return insert(table).from_select(names, select(*(rows.c[name] for name in names)), include_defaults=False)


def _as_sent(type: TypeEngine[Any]) -> TypeEngine[Any]:
    # Told that they are of the column's length, PostgreSQL would cut longer ones, and not refuse them.
    return Text() if isinstance(type, String) else type
