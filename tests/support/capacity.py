"""What something costs at DynamoDB: the requests that went out and the units they consumed, as DynamoDB says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

_READS: Final = frozenset({"BatchGetItem", "GetItem", "Query", "Scan"})


@dataclass
class Bill:
    """``requests`` are the operations in their order, a retry counted again; units are by physical table name."""

    requests: list[str] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)

    def __sub__(self, part: Bill) -> Bill:
        """What came after ``part``, the beginning of this bill."""
        return Bill(self.requests[len(part.requests) :], self.read - part.read, self.written - part.written)

    def so_far(self) -> Bill:
        """A copy that does not grow."""
        return Bill(list(self.requests), Counter(self.read), Counter(self.written))


@contextmanager
def billed(client: Any) -> Iterator[Bill]:
    """Everything that ``client`` asks for from here on."""
    bill = Bill()

    def ask(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return params | {"ReturnConsumedCapacity": "TOTAL"}

    def sent(event_name: str, **_: Any) -> None:
        bill.requests.append(event_name.rsplit(".", 1)[1])

    def answered(event_name: str, parsed: dict[str, Any], **_: Any) -> None:
        operation = event_name.rsplit(".", 1)[1]
        consumed = parsed.get("ConsumedCapacity", [])
        for each in consumed if isinstance(consumed, list) else [consumed]:
            (bill.read if operation in _READS else bill.written)[each["TableName"]] += each["CapacityUnits"]

    hooks = [
        ("provide-client-params.dynamodb.*", ask),
        ("before-send.dynamodb.*", sent),
        ("after-call.dynamodb.*", answered),
    ]
    for event, hook in hooks:
        client.meta.events.register(event, hook)
    try:
        yield bill
    finally:
        for event, hook in hooks:
            client.meta.events.unregister(event, hook)
