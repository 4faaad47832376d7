"""The outside world, one file a service, each with its time-outs and its error mapping.

A service is handed a ``World``: everything it may touch beyond its arguments. A test hands it another one, with
tables in memory and a clock of its own, and drives the very same code.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from chalicelib.gateways.agora import Agora, Media
from chalicelib.gateways.appstore import AppleStore, AppStore
from chalicelib.gateways.clock import Clock, StepFunctionsClock
from chalicelib.gateways.mail import Mail, SesMail
from chalicelib.gateways.objects import Objects, S3Objects
from chalicelib.gateways.play import GooglePlay, PlayStore
from chalicelib.gateways.push import Push, SnsPush
from chalicelib.gateways.queues import Queue, SqsQueue
from chalicelib.gateways.signals import AgoraSignals, Signals
from chalicelib.gateways.stripe import Payments, StripePayments
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.settings import Settings, settings_from
from chalicelib.kernel.time import Millis
from chalicelib.runtime.logs import log
from chalicelib.runtime.secrets import secret
from chalicelib.runtime.tables import ConditionFailed, Contended, DynamoTables, Operation, Tables


@dataclass(frozen=True, slots=True)
class World:
    """What a service needs besides its arguments."""

    settings: Settings
    tables: Tables
    now: Callable[[], Millis]
    """This machine's clock. It may be a little ahead of, or behind, another machine's."""
    sleep: Callable[[float], None]
    """Waits that many seconds before a contended write is tried again."""
    clock: Clock
    payments: Payments
    appstore: AppStore
    play: PlayStore
    media: Media
    signals: Signals
    mail: Mail
    push: Push
    untold: Queue
    """Notices that could not be told, to be tried again: the keys of their rows."""
    dead_letters: Queue
    """What went on failing, to be read by a person."""
    unsubscribe_keys: Callable[[], tuple[str, ...]]
    """What addresses for unsubscribing are made with, and after it the key before, if there is one: letters live on.
    Raises Unavailable.
    """
    exports: Objects
    pictures: Objects
    attachments: Objects
    files: Objects
    digests: Objects

    def wrote(self, *operations: Operation) -> bool:
        """Write, and say whether it went through. False also where that is unknown: the caller reads again."""
        try:
            self.tables.write(*operations)
        except ConditionFailed:
            return False
        except Contended:
            self.breathe()
            return False
        return True

    def wind(self, kind: str, thing: str, epoch: int, wake_at: Millis, turn: int = 0, *, lost: bool = False) -> bool:
        """Start an execution of the clock, in place of one that was ``lost``; False where it could not be started: the
        minute tick does its work then, and whoever looks next tries again.
        """
        try:
            self.clock.start(kind, thing, epoch, wake_at, turn)
        except Problem:
            log.warning("clock_not_started", kind=kind, id=thing)
            return False
        if lost:
            log.warning("clock_lost", kind=kind, id=thing, epoch=epoch)
        return True

    def breathe(self) -> None:
        """Wait a moment before a contended write is tried again, not all of its writers alike."""
        self.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - spreads retries, guards nothing


@cache
def world() -> World:
    """The world of this function, kept while its environment lives."""
    from chalicelib.runtime.aws import client

    return world_of(settings_from(os.environ), DynamoTables(client("dynamodb")))


def world_of(settings: Settings, tables: Tables) -> World:
    """The world outside as it is, with these settings, on these tables."""
    import time

    return World(
        settings=settings,
        tables=tables,
        now=lambda: time.time_ns() // 1_000_000,
        sleep=time.sleep,
        clock=StepFunctionsClock(settings.clock_machine_arn),
        payments=StripePayments(settings),
        appstore=AppleStore(settings),
        play=GooglePlay(settings),
        media=Agora(settings),
        signals=AgoraSignals(settings),
        mail=SesMail(settings),
        push=SnsPush(settings),
        untold=SqsQueue(settings.untold_url),
        dead_letters=SqsQueue(settings.dead_letters_url),
        unsubscribe_keys=lambda: _newest_first(secret(settings.unsubscribe_secret)),
        exports=S3Objects(settings.exports_bucket),
        pictures=S3Objects(settings.pictures_bucket),
        attachments=S3Objects(settings.attachments_bucket),
        files=S3Objects(settings.files_bucket),
        digests=S3Objects(settings.digests_bucket),
    )


def _newest_first(held: dict[str, str]) -> tuple[str, ...]:
    return (held["secret"], held["previous"]) if "previous" in held else (held["secret"],)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # Now, not at the first call: while a function starts it has whole processors, later only the part that is paid for.
    world()
