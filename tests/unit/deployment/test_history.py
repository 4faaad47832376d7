"""Which release stands, and which is the one to go back to."""

import pytest

from scripts.deployment.failures import DeployFailed
from scripts.deployment.history import Became, Release, before, must_be_older, read, standing, told, written


def made(*became: Became) -> list[Release]:
    """Releases named 1, 2, 3 … in the order that they were made; the newest first, as they are read."""
    return [Release(f"{number}", f"t{number}", {}, "", became=each) for number, each in enumerate(became, 1)][::-1]


def back(found: list[Release], became: Became = "good") -> list[Release]:
    """One more, by which somebody goes back."""
    to, now = before(found), standing(found)
    assert now
    number = f"{len(found) + 1}"
    return [Release(number, to.template_key, {}, "", became=became, of=to.origin, left=now.at), *found]


def test_who_goes_back_again_goes_further_back_and_never_to_what_was_left() -> None:
    found = made("good", "good", "good")
    found = back(found)
    assert found[0].of == "2"
    found = back(found)
    assert found[0].of == "1"
    with pytest.raises(DeployFailed, match="no good release before"):
        before(found)
    assert [each.became for each in told(found)] == ["good", "went back", "went back", "went back", "good"]


def test_what_came_after_a_way_back_goes_back_to_what_stood_then() -> None:
    found = [Release("9", "t9", {}, ""), *back(made("good", "good", "good"))]
    assert before(found).origin == "2"
    found = [Release("91", "t2", {}, "", of="2", left="9"), *found]
    assert before(found).origin == "1"  # and neither 9 nor 3


@pytest.mark.parametrize("never", ["failed", "went back"])
def test_what_never_stood_or_does_not_is_none_to_go_back_from_or_to(never: Became) -> None:
    found = made("good", never, "good", never)
    assert standing(found) == found[1]
    assert before(found) == found[3]


@pytest.mark.parametrize("doubtful", ["running", "bad", "unseen"])
def test_what_nobody_saw_answer_is_left_for_the_newest_good_one_and_never_gone_back_to(doubtful: Became) -> None:
    found = made("good", doubtful, doubtful)
    assert standing(found) == found[0]
    assert before(found) == found[2]


def test_where_going_back_was_tried_and_did_not_answer_the_one_before_that_is_next() -> None:
    found = back(made("good", "good", "good"), "went back")
    assert standing(found) == found[1]
    assert told(found)[1].became == "good"  # it has its place again
    assert before(found).origin == "1"


@pytest.mark.parametrize("found", [[], made("failed"), made("good"), made("bad", "good")])
def test_where_there_is_no_good_one_before_nothing_is_gone_back_to(found: list[Release]) -> None:
    with pytest.raises(DeployFailed):
        before(found)


def test_a_release_is_read_as_it_was_written_and_so_is_one_of_another_version_of_this_program() -> None:
    one = Release("2026-11-26T14:00:00.000Z", "t", {"A": "b"}, "why", "arn:me", "c0ffee", "bad", "0", "2")
    assert read(written(one)) == one
    assert read({"at": one.at, "template_key": "t", "parameters": {}, "said": "", "later": 1}).became == "good"


def test_a_release_of_a_moment_that_is_yet_to_come_is_told_for_what_is_written_now_would_count_as_older() -> None:
    must_be_older([], "1")
    must_be_older(made("good"), "2")
    with pytest.raises(DeployFailed, match="a clock is wrong"):
        must_be_older(made("good", "good"), "2")
