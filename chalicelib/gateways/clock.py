"""Step Functions as a clock: one execution for each thing that waits, named after it and its epoch."""

import json
from typing import Final, Protocol

from chalicelib.gateways.breaker import CircuitBreaker
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import SECOND, Millis, ceil_div, rfc3339

_REST_SECONDS: Final = 20
"""After a failed start the next ones are not tried for so long."""


class Clock(Protocol):
    """Calls the ``clock`` function at ``wake_at``, and again at whatever moment that answers."""

    def start(self, kind: str, thing: str, epoch: int, wake_at: Millis, turn: int = 0) -> None:
        """Start the execution of that name; success if one was started by it before. Raises Unavailable.

        ``turn`` counts executions that were found lost: a name can be used once only.
        """


def execution_name(thing: str, epoch: int, turn: int) -> str:
    """What an execution is called."""
    return f"{thing}-{epoch}-{turn}" if turn else f"{thing}-{epoch}"


def clock_time(moment: Millis) -> str:
    """``moment`` as a wait state takes it: the next whole second. Waking early would only mean to wait again."""
    return rfc3339(ceil_div(moment, SECOND) * SECOND)


class StepFunctionsClock:
    """``Clock`` on the state machine of ``infra/clock.asl.json``."""

    def __init__(self, machine_arn: str) -> None:
        self._machine_arn = machine_arn
        self._breaker = CircuitBreaker()

    def start(self, kind: str, thing: str, epoch: int, wake_at: Millis, turn: int = 0) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        from chalicelib.runtime.aws import client

        if self._breaker.is_open:
            raise Unavailable("The clock rests after a failure; the minute tick does its work.")
        # The machine waits for what it was answered last; in the beginning, for this.
        facts = {"kind": kind, "id": thing, "epoch": epoch, "turn": turn, "answer": {"wake_at": clock_time(wake_at)}}
        try:
            client("stepfunctions", attempts=1).start_execution(
                stateMachineArn=self._machine_arn, name=execution_name(thing, epoch, turn), input=json.dumps(facts)
            )
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ExecutionAlreadyExists":
                return
            self._breaker.trip(_REST_SECONDS)
            raise Unavailable("The clock could not be started; the minute tick will do its work.") from error
