"""One deployed stack for the directory, with short settings and the functions' IAM policies obeyed.

Each test brings its own people. A test of a whole reading takes real time. Such a reading is a *story*, a function of
the stage: all that were selected start at once in a few threads, the short tests run meanwhile, and then each story's
test waits for its own. What needs a stack of its own comes when that is over.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final, cast

import pytest

from infra.local.stack import local_stack
from tests.e2e.stage import Office, Stage, StripeDesk

SETTINGS: Final = {
    "BILLING_MINUTE_SECONDS": "15",
    "GRACE_SECONDS": "15",
    "RING_SECONDS": "15",
    "JOIN_SECONDS": "15",
    "BEAT_SECONDS": "2",
    "SILENCE_SECONDS": "12",
    "DELETION_SECONDS": "20",
    # A booking of "15 minutes" is over in 40 s; its door opens 25 s before and is shut 25 s after its start.
    "BOOKING_QUARTER_SECONDS": "40",
    "BOOKING_NOTICE_SECONDS": "1",
    "BOOKING_JOIN_SECONDS": "25",
    "EARNINGS_HOLD_SECONDS": "1",
    # Long enough for what is tried without a host in the channel.
    "HOST_GONE_SECONDS": "60",
    "RATE_LIMITS": "off",
}
AT_ONCE: Final = 4
"""Stories. With more, phones would fall silent on two cores."""
QUIET_SECONDS: Final = 400
LONG: Final = ("test_bookings", "test_streams", "test_clocks", "test_leaving")
"""Their stories take longest, and so begin first: none goes on alone when the others are over."""
OF_THEIR_OWN: Final = ("test_restarts", "test_serve")
"""They start stacks, and need nothing of this one."""
HERE: Final = Path(__file__).parent

Story = Callable[[Stage], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs a stack; after the short tests stories are waited for, then quiet is kept, then the books
    are read.
    """
    places = [place for place, item in enumerate(items) if item.path.parent == HERE]
    last = ("test_logs", "test_books", *OF_THEIR_OWN)
    ours = sorted(
        (items[place] for place in places),
        key=lambda item: (
            last.index(item.path.stem) + 1 if item.path.stem in last else 0,
            "quiet" in getattr(item, "fixturenames", ()),
            bool(_story(item)),
        ),
    )
    for place, item in zip(places, ours, strict=True):
        item.add_marker(pytest.mark.stack)
        items[place] = item


def _story(item: pytest.Item) -> Story | None:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return cast("Story | None", parameters.get("story"))


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    state = tmp_path_factory.mktemp("stack")
    with local_stack(state, SETTINGS, enforce_policies=True) as stack:
        office = Office(state / "stack.json")
        stage = Stage(stack, stack.world(), office)
        stage.warm_up(AT_ONCE + 1)
        yield stage
        office.close()


@pytest.fixture(scope="session")
def desk(stage: Stage) -> StripeDesk:
    return StripeDesk(stage.stack)


@pytest.fixture(scope="session", autouse=True)
def stories(request: pytest.FixtureRequest) -> Iterator[dict[Story, "Future[None]"]]:
    """What becomes of each selected story."""
    longest_first = sorted(request.session.items, key=lambda item: item.path.stem not in LONG)
    selected = [story for item in longest_first if (story := _story(item))]
    stage: Stage | None = request.getfixturevalue("stage") if selected else None
    with ThreadPoolExecutor(AT_ONCE, "story") as pool:
        yield {story: pool.submit(story, stage) for story in selected if stage}
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def quiet(stories: dict[Story, "Future[None]"]) -> None:
    """Nobody else is in a reading: for a test that would disturb everybody."""
    wait(stories.values(), timeout=QUIET_SECONDS)
