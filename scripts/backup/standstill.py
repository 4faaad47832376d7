"""A stage whose functions stand still, so that nobody writes what is being copied or brought back.

Each function's reserved concurrency is 0: whoever calls one is refused and comes again. Phones hear 503, vendors tell
later, readers of streams wait with their place kept; ticks and what else is called asynchronously go to the dead
letters, of which nothing is lost. (No function of ours has another reserved concurrency to go back to.)
"""

from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.runtime.aws import client

_MOST_PAGES: Final = 20
_STILL: Final = 0


def functions(world: World) -> dict[str, int]:
    """Every function of the stage, with the seconds that a call of it may take."""
    prefix, found = f"soulseer-{world.settings.stage}-", dict[str, int]()
    told: dict[str, Any] = {}
    for _ in range(_MOST_PAGES):
        told = client("lambda").list_functions(**({"Marker": told["NextMarker"]} if told else {}))
        found |= {
            each["FunctionName"]: int(each["Timeout"])
            for each in told["Functions"]
            if each["FunctionName"].startswith(prefix)
        }
        if not told.get("NextMarker"):
            break
    return found


def running(world: World) -> list[str]:
    """The functions that anybody can call."""
    return [name for name in sorted(functions(world)) if not _is_still(name)]


def stop(name: str) -> None:
    """Nobody can call it any more. What it was called for before goes on to its end."""
    client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=_STILL)


def start(name: str) -> None:
    """It takes calls again."""
    client("lambda").delete_function_concurrency(FunctionName=name)


def _is_still(name: str) -> bool:
    told = client("lambda").get_function_concurrency(FunctionName=name)
    return bool(told.get("ReservedConcurrentExecutions") == _STILL)
