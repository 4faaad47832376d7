"""The thread of a vendor's counterpart that does what is due, a few things at once.

What ran or waited when it stopped goes on after the next start with the same store.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Final

from infra.local.store import Job, Store

_AT_ONCE: Final = 4
_MOST_CLAIMED: Final = 100
_LONGEST_SLEEP: Final = 60.0

log = logging.getLogger("soulseer.local.background")


class Background:
    """Calls ``act`` with each job of the store once it is due by ``clock`` (seconds), from ``start`` to ``stop``.

    Several jobs may be under way at once, so their order is not promised. One that fails is logged, and tried again
    after the next start.
    """

    def __init__(self, name: str, store: Store, clock: Callable[[], float], act: Callable[[Job], None]) -> None:
        self._store = store
        self._clock = clock
        self._act = act
        self._stopping = Event()
        self._pool = ThreadPoolExecutor(_AT_ONCE, f"{name}-job")
        self._thread = Thread(target=self._work, name=f"{name}-background", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._store.scheduled.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._store.scheduled.clear()
            for job in self._store.claim(self._clock(), _MOST_CLAIMED):
                self._pool.submit(self._do, job)
            due = self._store.next_due()
            pause = _LONGEST_SLEEP if due is None else due - self._clock()
            self._store.scheduled.wait(max(0.0, min(pause, _LONGEST_SLEEP)))

    def _do(self, job: Job) -> None:
        try:
            self._act(job)
        except Exception:
            log.exception("job %s of %s failed", job.kind, job.subject)
