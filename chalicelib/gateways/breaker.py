"""A circuit breaker: what a service owes another one may wait, and must not be held up by one that hangs."""

import time


class CircuitBreaker:
    """Lets nothing through for a while after a failure. Each function's environment has its own."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """True while nothing should be tried."""
        return time.monotonic() < self._until

    def trip(self, seconds: float) -> None:
        """A call failed, or its outcome is unknown: try nothing for so long."""
        self._until = time.monotonic() + seconds
