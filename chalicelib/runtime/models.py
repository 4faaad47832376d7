"""PynamoDB, for rows that hold descriptions rather than money: a model declares once which attributes a row has.

It makes no request: reads and writes go through ``runtime.tables``, so that a transaction which also writes an audit
entry, or a row of another context, keeps the order of its operations and of the reasons it failed for, and a test can
hold those rows in memory. ``Row.item`` and ``Row.from_item`` are the way between the two.
"""

from __future__ import annotations

from typing import Self

from pynamodb.models import Model

from chalicelib.runtime.tables import Item


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
