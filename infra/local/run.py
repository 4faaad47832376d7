"""``python -m infra.local.run`` (``make run``): the local stack up, the play and its proof, everything down.

The exit code is 0 only when every check of the play held. The lengths below may be set otherwise by the environment;
the product's own lengths, as every stage on AWS has them, would take an hour to play.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Final

from infra.local.ministack import CannotStart
from infra.local.play import Play
from infra.local.report import report
from infra.local.screen import screen
from infra.local.stack import DEFAULT_STATE_DIR, local_stack
from scripts.deployment.failures import DeployFailed

LENGTHS: Final = {
    "BILLING_MINUTE_SECONDS": "15",
    "GRACE_SECONDS": "20",
    "RING_SECONDS": "60",
    "JOIN_SECONDS": "60",
    "BEAT_SECONDS": "2",
    "EARNINGS_HOLD_SECONDS": "5",
    "HOST_GONE_SECONDS": "12",  # and so long a notice of the host's coming may be on its way
    "SILENCE_SECONDS": "12",  # a function that starts on a busy machine may hold up a beat for so long
}


def main() -> int:
    """Play once. 1: a check did not hold; 2: the stack did not start."""
    logging.basicConfig(level=logging.ERROR)
    signal.signal(signal.SIGTERM, _interrupt)
    shown = screen()
    began = time.monotonic()
    try:
        settings = _settings(os.environ)
        shown.console.print("Starting the local stack. The first start builds the package and takes longer.")
        with local_stack(DEFAULT_STATE_DIR / "run", settings, fresh=True, say=shown.console.print) as stack:
            shown.console.print(f"Up after {time.monotonic() - began:.0f} s.\n")
            began = time.monotonic()
            played = Play(stack, shown, alone=True).run()
            shown.console.print()
            report(shown.console, played)
            shown.console.print(f"The play took {time.monotonic() - began:.0f} s. Stopping everything.")
            if not played.went_well:
                shown.console.print(f"The log of the functions is {stack.ministack.log_file}")
    except (CannotStart, DeployFailed) as error:
        shown.console.print(f"The local stack did not start: {error}", style="red")
        return 2
    except KeyboardInterrupt:
        shown.console.print("\nStopped.")
        return 130
    if not played.went_well:
        return 1
    shown.console.print(
        "`make serve` keeps such a stack up, to look around on: docs/local.md says what there is to try."
    )
    return 0


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment over ``LENGTHS``. Raises CannotStart where the story could not be told with it."""
    # Everybody in the play comes from one address.
    settings = {**LENGTHS, "RATE_LIMITS": "off", **{name: value for name, value in environment.items() if value}}
    minute, silence = settings["BILLING_MINUTE_SECONDS"], settings["SILENCE_SECONDS"]
    if _number(silence) >= _number(minute):
        raise CannotStart(
            f"SILENCE_SECONDS={silence} must be below BILLING_MINUTE_SECONDS={minute}: the play loses a network in a "
            "minute and comes back in the same. Leave both unset, or set both."
        )
    return settings


def _number(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        raise CannotStart(f"A length is a number of seconds, not {written!r}.") from None


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
