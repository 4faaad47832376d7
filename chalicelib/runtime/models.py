"""PynamoDB, for the tables that hold descriptions rather than money.

A model declares a row once: its attributes, its indexes. Two things differ from PynamoDB's habits:

- every model speaks through the one DynamoDB client of ``runtime.aws``, with that client's time-outs; PynamoDB
  would make a client for each model, 54 to 290 ms each in a cold function;
- a model learns its physical table when it is used, not when it is imported: ``page(rows, table, …)``.

Reads by key and all writes go through ``runtime.tables``: a transaction that also writes an audit entry, or a
row of another context, keeps the order of its operations and of the reasons it failed for, and a test can hold
those rows in memory. ``Row.item`` and ``Row.from_item`` are the way between the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Generic, Self, TypeVar, cast

from pynamodb.connection import Connection, TableConnection
from pynamodb.exceptions import PynamoDBException
from pynamodb.models import Model

from chalicelib.runtime.aws import client, is_passing_fault
from chalicelib.runtime.tables import Contended, Item, Key

if TYPE_CHECKING:
    from pynamodb.connection._botocore_private import BotocoreBaseClientPrivate

R = TypeVar("R", bound="Row")


class _OneClient(Connection):
    @property
    def client(self) -> BotocoreBaseClientPrivate:
        return cast("BotocoreBaseClientPrivate", client("dynamodb"))


class Row(Model):
    """The base of every model: an item of ``runtime.tables`` with declared attributes."""

    def item(self) -> Item:
        """The row as plain values. Raises AttributeNullError if a required attribute is missing."""
        self.serialize(null_check=True)
        return self.to_simple_dict()

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """The row that ``item`` was made from."""
        row = cls()
        row.from_simple_dict(item)
        return row

    @classmethod
    def _get_connection(cls) -> TableConnection:
        connection = super()._get_connection()
        if not isinstance(connection.connection, _OneClient):
            shared = _OneClient()
            shared.add_meta_table(connection.get_meta_table())
            connection.connection = shared
        return connection


@dataclass(frozen=True, slots=True)
class RowPage(Generic[R]):
    """``next_key`` starts the following page; None on the last."""

    rows: list[R]
    next_key: Key | None


def page(rows: type[R], table: str, *, index: str, partition: str, limit: int, start: Key | None = None) -> RowPage[R]:
    """One page of an index in sort-key order, eventually consistent. Raises Contended."""
    try:
        found = _on(rows, table).query(partition, index_name=index, limit=limit, last_evaluated_key=start)
        return RowPage(list(found), found.last_evaluated_key)
    except PynamoDBException as error:
        # PynamoDB wraps a refusal twice, a failed connection once.
        fault = error.cause and (error.cause.__cause__ or error.cause)
        if fault and is_passing_fault(fault):
            raise Contended(type(fault).__name__) from error
        raise


@cache
def _on(rows: type[R], table: str) -> type[R]:
    """The model on a physical table: a subclass, so that what it knows of one table never meets another's."""
    return cast("type[R]", type(rows.__name__, (rows,), {"Meta": type("Meta", (), {"table_name": table})}))
