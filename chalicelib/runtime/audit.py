"""The audit log: who did what to whom, when and why. Written beside the act, in its transaction; never changed.

A row is named by the facts it states, so the same act told twice is one row: a repeat meets its own row, and a
transaction that fails on nothing but that had already been done.
"""

import json
from collections.abc import Mapping

from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.time import Millis, rfc3339
from chalicelib.runtime.tables import Absent, Item, Put, Tables


def entry(
    table: str,
    *,
    subject: str,
    action: str,
    actor: str,
    reason: str,
    at: Millis,
    detail: Mapping[str, str | int | bool | None] | None = None,
) -> Put:
    """The operation that records ``action`` of ``actor`` on ``subject`` (an id, or ``kind:id``) in the audit table.

    ``detail`` holds ids, amounts and states before and after; personal data has no place in it.
    """
    told = dict(detail or {})
    written = rfc3339(at)
    name = derived_id("aud", subject, action, actor, reason, written, json.dumps(told, sort_keys=True))
    item = {
        "pk": subject,
        "sk": f"{written}#{name}",
        "action": action,
        "actor": actor,
        "reason": reason,
        "at": at,
        "detail": told,
    }
    return Put(table, item, (Absent("pk"),))


def newest(tables: Tables, table: str, subject: str, limit: int) -> list[Item]:
    """The newest ``limit`` rows on ``subject``, newest first."""
    return tables.query(table, ("pk", subject), newest_first=True, limit=limit).items
