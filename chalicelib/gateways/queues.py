"""Queues of Amazon SQS. What is in a message is its context's; none of it is ever logged."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from chalicelib.kernel.errors import ProviderFailed, Unavailable
from chalicelib.kernel.time import Millis
from chalicelib.runtime.aws import client, is_passing_fault

_AT_ONCE: Final = 10
"""Messages of one request."""
_ASKING_SECONDS: Final = 1
"""Above 0 SQS asks all of its machines, so that an empty answer means an empty queue."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits in a queue."""

    id: str
    body: str
    at: Millis
    """When it was sent."""
    attributes: Mapping[str, str]
    """What its sender said beside it."""
    receipt: str
    """The right to remove it, for as long as it is held."""


class Queue(Protocol):
    """One queue. Each raises ProviderFailed, Unavailable."""

    def put(self, message: Mapping[str, Any]) -> None:
        """Add a message. It may come twice."""

    def held(self, most: int, seconds: int) -> Sequence[Waiting]:
        """Up to ``most`` messages, held for so long: nobody else is given them meanwhile."""

    def let_go(self, waiting: Waiting) -> None:
        """Hold the message no longer; success where it is gone."""

    def remove(self, waiting: Waiting) -> None:
        """Remove a message that is held."""


class SqsQueue:
    """``Queue`` at an address of SQS."""

    def __init__(self, url: str) -> None:
        self._url = url

    def put(self, message: Mapping[str, Any]) -> None:
        self._asked("send_message", MessageBody=json.dumps(message))

    def held(self, most: int, seconds: int) -> Sequence[Waiting]:
        found: dict[str, Waiting] = {}
        while len(found) < most:
            answer = self._asked(
                "receive_message",
                MaxNumberOfMessages=min(_AT_ONCE, most - len(found)),
                VisibilityTimeout=seconds,
                WaitTimeSeconds=_ASKING_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
            came = {each["MessageId"]: _waiting(each) for each in answer.get("Messages", ())}
            if not came.keys() - found.keys():
                break
            found |= came
        return sorted(found.values(), key=lambda each: (each.at, each.id))

    def let_go(self, waiting: Waiting) -> None:
        with suppress(ProviderFailed):  # what is removed, or not held any more, is not ours to let go
            self._asked("change_message_visibility", ReceiptHandle=waiting.receipt, VisibilityTimeout=0)

    def remove(self, waiting: Waiting) -> None:
        self._asked("delete_message", ReceiptHandle=waiting.receipt)

    def _asked(self, operation: str, **parameters: Any) -> Any:
        from botocore.exceptions import ClientError

        try:
            return getattr(client("sqs"), operation)(QueueUrl=self._url, **parameters)
        except Exception as error:
            if is_passing_fault(error):
                raise Unavailable("A queue is out of reach. Try again in a moment.") from error
            if isinstance(error, ClientError):
                raise ProviderFailed("A queue refused.") from error
            raise


def _waiting(message: Any) -> Waiting:
    said = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    at = int(message["Attributes"]["SentTimestamp"])
    return Waiting(message["MessageId"], message["Body"], at, said, message["ReceiptHandle"])
