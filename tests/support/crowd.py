"""Many at once: the same act by threads of one process, and by processes each with a client of its own."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Self

from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import DynamoTables
from tests.support.aws import dynamodb_client
from tests.support.worlds import HandClock, hand_world

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

_PROCESSES: Final = 4
_START_SECONDS: Final = 60
_END_SECONDS: Final = 120

Act = Callable[..., Any]
"""``act(world, place, *arguments)``, at module level so that another process can find it."""


def outcome_of(act: Callable[[], Any]) -> Any:
    """What it returned, or how it was refused; where storage was too busy it comes again."""
    for _ in range(20):
        try:
            return act()
        except Problem as problem:
            if problem.code != "unavailable":
                return problem
    raise AssertionError("too busy for ever")


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do different acts in threads of this process; the outcome of each, by place."""
    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(outcome_of, acts))


class Crowd:
    """``crowd(32, act, …)`` does ``act(world, place, …)`` for places 0 to 31, all let go at one moment.

    Answers with what each returned, or the exception it raised, by place.
    """

    def __init__(self, world: World, processes: Processes | None) -> None:
        self._world = world
        self._processes = processes

    def __call__(self, size: int, act: Act, *arguments: Any) -> list[Any]:
        if self._processes is None:
            return _in_threads(self._world, range(size), act, arguments, lambda: None)
        return self._processes.run(self._world, size, act, arguments)


class Processes:
    """A few spawned processes that wait for work. A context manager: they end with it."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(
            _PROCESSES, context, initializer=_set_up, initargs=(url, context.Barrier(_PROCESSES))
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def run(self, world: World, size: int, act: Act, arguments: Sequence[Any]) -> list[Any]:
        """The places are dealt out; each process runs its own in threads, and all begin together."""
        dealt = [range(first, size, _PROCESSES) for first in range(_PROCESSES)]
        told = [
            self._pool.submit(_in_this_process, world.settings, world.now(), places, act, arguments) for places in dealt
        ]
        answers: dict[int, Any] = {}
        for places, future in zip(dealt, told, strict=True):
            answers |= zip(places, future.result(timeout=_END_SECONDS), strict=True)
        return [answers[place] for place in range(size)]


_in_process: dict[str, Any] = {}
"""What a spawned process keeps: its tables, and the barrier at which all of them meet."""


def _set_up(url: str, barrier: Barrier) -> None:
    _in_process.update(tables=DynamoTables(dynamodb_client(url)), barrier=barrier)


def _in_this_process(
    settings: Settings, now: Millis, places: Sequence[int], act: Act, arguments: Sequence[Any]
) -> list[Any]:
    world = hand_world(_in_process["tables"], settings=settings, now=HandClock(now))
    return _in_threads(world, places, act, arguments, lambda: _in_process["barrier"].wait(_START_SECONDS))


def _in_threads(
    world: World, places: Sequence[int], act: Act, arguments: Sequence[Any], ready: Callable[[], Any]
) -> list[Any]:
    """``ready`` returns when everybody elsewhere is ready too."""
    _read_lazy_modules()
    gate = threading.Barrier(len(places) + 1)

    def one(place: int) -> Any:
        gate.wait(_START_SECONDS)
        try:
            return act(world, place, *arguments)
        except Exception as error:  # noqa: BLE001 - what went wrong is an answer, and the test's to judge
            return error

    with ThreadPoolExecutor(max(1, len(places))) as threads:
        told = [threads.submit(one, place) for place in places]
        ready()
        gate.wait(_START_SECONDS)
        return [future.result(timeout=_END_SECONDS) for future in told]


def _read_lazy_modules() -> None:
    """A function has one thread; of several at once, one could find a module that another is only just reading."""
    while lazy := [each for each in sys.modules.values() if type(each).__name__ == "_LazyModule"]:
        for module in lazy:
            _ = module.__name__
