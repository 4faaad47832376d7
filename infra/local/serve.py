"""Keep a local stack up: ``python -m infra.local.serve``, or ``make serve``.

Prints the addresses and a few things to try, and stays until Ctrl-C or SIGTERM.
Everything stays for the next start, under ``.local/state``, after a kill too; ``--fresh`` begins anew.

Short settings come from the environment: ``BILLING_MINUTE_SECONDS=5 GRACE_SECONDS=20 make serve``.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from infra.local.ministack import WANTED_PORT, CannotStart
from infra.local.stack import DEFAULT_STATE_DIR, NOTE, SETTINGS, SHELL_NOTE, Stack, local_stack
from scripts.deployment.failures import DeployFailed

_LOOK_SECONDS: Final = 1.0


class Stopped(BaseException):
    """Ctrl-C or SIGTERM arrived: wherever the program is, it unwinds and stops what it started."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    print("Starting … The first start builds the package, which takes half a minute.", flush=True)
    try:
        with local_stack(
            options.state_dir,
            os.environ,
            package=options.package,
            port=options.port,
            fresh=options.fresh,
            enforce_policies=options.enforce_policies,
            keep=True,
            warm=not options.cold,
            say=_say,
        ) as stack:
            _say(greeting(stack, options.state_dir))
            while stack.ministack.alive():
                time.sleep(_LOOK_SECONDS)
            print(f"The local AWS has stopped by itself; see {stack.ministack.log_file}.", file=sys.stderr)
            return 1
    except Stopped:
        _say("Stopped. The state stays; `make serve` goes on with it.")
        return 0
    except (CannotStart, DeployFailed) as problem:
        print(f"Cannot start: {problem}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.serve",
        description="Run SoulSeer on this computer: the API on a local AWS, with local counterparts of the vendors.",
        epilog="settings from the environment: " + ", ".join(SETTINGS),
    )
    parser.add_argument("--fresh", action="store_true", help="forget all state of earlier runs first")
    parser.add_argument(
        "--port",
        type=int,
        default=WANTED_PORT,
        help=f"wanted for the local AWS, with the three after it for the vendors (default {WANTED_PORT}); "
        "a free port is taken for one that is busy",
    )
    parser.add_argument(
        "--state-dir", type=Path, default=DEFAULT_STATE_DIR, help="where everything is kept (default .local)"
    )
    parser.add_argument("--package", type=Path, help="a folder written by scripts/package.py (default: package now)")
    parser.add_argument("--cold", action="store_true", help="start each function when it is first called, not before")
    parser.add_argument(
        "--enforce-policies", action="store_true", help="have the functions' IAM policies obeyed, as on AWS"
    )
    return parser


def _stop(number: int, frame: object) -> NoReturn:
    del number, frame
    # Once is enough: stopping takes seconds, and being interrupted in it would lose the state.
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    print("\nStopping …", flush=True)
    raise Stopped


def _say(text: str) -> None:
    print(text, flush=True)


def _shown(path: Path) -> str:
    """As short as it can be typed from here."""
    return str(path.relative_to(here)) if path.is_relative_to(here := Path.cwd()) else str(path)


def greeting(stack: Stack, state_dir: Path) -> str:
    """What is said once the stack is up: addresses, and commands to try."""
    addresses = stack.addresses
    return f"""
SoulSeer is up.

  API      {addresses.api_url}
  docs     {stack.issuer.leads_to(f"{addresses.api_url}/docs", addresses.tokens)}
  issuer   {addresses.issuer_url}
  Stripe   {addresses.stripe_url}
  Agora    {addresses.agora_url}
  Apple    {addresses.apple_url}
  Google   {addresses.google_url}
  AWS      {addresses.endpoint_url}
  mail     {addresses.endpoint_url}/_ministack/ses/messages

In another shell, this sets $API, tokens for a day ($CLIENT, $READER, $ADMIN), and $ISSUER, $STRIPE,
$AGORA, $APPLE, $GOOGLE; programs read {_shown(state_dir / NOTE)}:

  . {_shown(state_dir / SHELL_NOTE)}

Try:

  curl -s $API/v1/me -H "Authorization: Bearer $CLIENT"
  curl -s $API/v1/readers
  curl -s $API/v1/wallet/topups -H "Authorization: Bearer $CLIENT" \\
       -H "Idempotency-Key: $RANDOM$RANDOM" -H "Content-Type: application/json" -d '{{"amount": 2500}}'
  curl -s CHECKOUT_URL -d card=4242424242424242     # or open it in a browser
  curl -s $API/v1/wallet -H "Authorization: Bearer $CLIENT"

A month of readers and clients, and what they did, as charts:

  scripts/soulseer seed demo --local --reason "to look around" --yes
  scripts/soulseer report platform --local

What else there is to try, and a token for anybody: docs/local.md.
Ctrl-C stops everything.
"""


if __name__ == "__main__":
    sys.exit(main())
