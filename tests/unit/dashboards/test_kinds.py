"""Whatever a service posts is summed up: in this run of the unit tests, and in the town of the property tests."""

from typing import Final

from tests.support.kinds import summed
from tests.support.rows_seen import Seen

MADE_UP: Final = {
    ("clients", "session"),
    ("credit", "other"),
    ("credit", "rained"),
    ("earnings", "earned"),
    ("earnings", "other"),
}
"""What tests post by themselves."""


def test_every_kind_that_a_service_posts_is_known_to_the_sums(seen: Seen) -> None:
    assert seen.posted - summed() <= MADE_UP
