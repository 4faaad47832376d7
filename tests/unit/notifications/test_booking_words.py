"""What people read about their bookings."""

from typing import Any, get_args

import pytest

from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.notifications.model.words import Words
from chalicelib.scheduling.model.booking import State, who_hears_of
from tests.support.worlds import NOON


def said(kind: str, **facts: Any) -> Words:
    told = {"as": "client", "start": NOON, "minutes": 30, "modality": "voice", "state": "booked", "refunded": 1_205}
    found = words(Notice("usr_1", kind, told | facts), "Europe/Vienna")
    assert found
    return found


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("booking_made", " is booked."),
        ("booking_moved", " was moved to this time."),
        ("booking_reminder", " is coming up. You can join shortly before it."),
    ],
)
def test_each_names_the_reading_at_the_persons_own_time(kind: str, end: str) -> None:
    assert said(kind).text == f"Your 30 minute voice reading on Sun 17 March 2030, 18:46 (Europe/Vienna){end}"


@pytest.mark.parametrize("state", get_args(State))
def test_every_end_that_somebody_hears_of_has_words_and_the_client_learns_what_came_back(state: State) -> None:
    for who in who_hears_of(state):
        told = said("booking_closed", state=state, **{"as": who})
        assert ("$12.05 went back to your credit." in told.text) == (who == "client")
        assert "$" not in said("booking_closed", state=state, refunded=0, **{"as": who}).text
