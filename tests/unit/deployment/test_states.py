"""What is said of each state that a stack can be in."""

import botocore.session
import pytest

from scripts.deployment.states import NEW, SETTLED, STILLBORN, ended, in_the_way

EVERY = frozenset(
    botocore.session.Session().get_service_model("cloudformation").shape_for("StackStatus").metadata["enum"]
)
"""Those that AWS itself names."""


def test_every_state_is_told_apart_and_none_is_unknown() -> None:
    free = {status for status in EVERY if not in_the_way("soulseer-dev", status)}
    assert free == {status for status in (*NEW, *SETTLED, *STILLBORN) if status}
    for status in EVERY - free:
        said = in_the_way("soulseer-dev", status)
        assert said.startswith(f"soulseer-dev is {status}: ")
        assert "does not know that state" not in said
        assert "{" not in said
    assert "does not know that state" in in_the_way("soulseer-dev", "ON_FIRE")


@pytest.mark.parametrize("status", sorted(status for status in EVERY if status.endswith("FAILED")))
def test_nobody_is_said_to_deploy_where_something_failed(status: str) -> None:
    said = in_the_way("soulseer-dev", status)
    assert "at present" not in said
    assert "Wait" not in said


def test_what_cannot_be_called_off_is_not_said_to_be() -> None:
    calls_off = {status for status in EVERY if "cancel-update-stack" in in_the_way("soulseer-dev", status)}
    assert calls_off == {"UPDATE_IN_PROGRESS"}


def test_wherever_a_change_ends_that_was_not_made_a_sentence_says_what_that_is() -> None:
    for status in EVERY - SETTLED:
        assert ended("soulseer-dev", status).startswith(f"soulseer-dev is {status}: "), status
    assert "what stood before stands again" in ended("soulseer-dev", "UPDATE_ROLLBACK_COMPLETE")
