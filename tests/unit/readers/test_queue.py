"""The queue for a busy reader, one decision at a time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.errors import ReaderBusy
from chalicelib.readers.model import MOST_WAITING, OFFER_LIFE, WAIT_LIFE, Queue, in_turn, joined, left

NOW = 1_800_000_000_000


def waiting(*clients: str, offered_until: int | None = None) -> Queue:
    queue = Queue(offered_until=offered_until)
    for client in clients:
        queue = joined(queue, client, "text", NOW)
    return queue


def names(queue: Queue) -> list[str]:
    return [each.client for each in queue.waiting]


def test_who_comes_first_stands_first() -> None:
    queue = waiting("ann", "bea")
    assert [queue.position(each) for each in ("ann", "bea", "cat")] == [1, 2, None]


def test_asking_again_keeps_the_place() -> None:
    queue = waiting("ann", "bea")
    assert joined(queue, "ann", "text", NOW + WAIT_LIFE // 2 - 1) == queue
    again = joined(queue, "ann", "voice", NOW + WAIT_LIFE // 2)
    assert names(again) == ["ann", "bea"]
    assert (again.waiting[0].until, again.waiting[0].modality) == (NOW + WAIT_LIFE * 3 // 2, "voice")
    assert joined(queue, "ann", "text", NOW + WAIT_LIFE // 2).waiting[0].until == NOW + WAIT_LIFE * 3 // 2


def test_fifty_may_wait_and_each_of_them_may_ask_again() -> None:
    full = waiting(*(f"c{number}" for number in range(MOST_WAITING)))
    assert MOST_WAITING == 50
    assert joined(full, "c49", "video", NOW).position("c49") == 50
    with pytest.raises(ReaderBusy):
        joined(full, "one more", "text", NOW)


def test_a_reader_who_is_free_is_offered_to_the_first_for_two_minutes() -> None:
    offered = in_turn(waiting("ann", "bea"), NOW, free=True)
    assert (offered.offered_to, offered.offered_until) == ("ann", NOW + 120_000)
    assert in_turn(offered, NOW + OFFER_LIFE - 1, free=True) == offered


def test_an_offer_that_runs_out_passes_on_with_its_whole_time() -> None:
    offered = in_turn(waiting("ann", "bea"), NOW, free=True)
    passed = in_turn(offered, NOW + OFFER_LIFE, free=True)
    assert (names(passed), passed.offered_to, passed.offered_until) == (["bea"], "bea", NOW + 2 * OFFER_LIFE)
    late = in_turn(offered, NOW + OFFER_LIFE + 25_000, free=True)
    assert late.offered_until == NOW + 2 * OFFER_LIFE + 25_000


def test_a_reader_who_is_not_free_is_offered_to_nobody_and_nobody_loses_their_turn() -> None:
    offered = in_turn(waiting("ann", "bea"), NOW, free=True)
    for now in (NOW, NOW + OFFER_LIFE):
        stopped = in_turn(offered, now, free=False)
        assert (names(stopped), stopped.offered_to) == (["ann", "bea"], None)
    assert in_turn(stopped, NOW + OFFER_LIFE, free=True).offered_to == "ann"


def test_who_does_not_ask_again_within_an_hour_waits_no_more() -> None:
    queue = joined(waiting("ann"), "bea", "text", NOW + 1)
    assert names(in_turn(queue, NOW + WAIT_LIFE - 1, free=False)) == ["ann", "bea"]
    assert names(in_turn(queue, NOW + WAIT_LIFE, free=False)) == ["bea"]
    offered = replace(queue, offered_until=NOW + WAIT_LIFE + 60_000)
    moved = in_turn(offered, NOW + WAIT_LIFE, free=True)
    assert (moved.offered_to, moved.offered_until) == ("bea", NOW + WAIT_LIFE + OFFER_LIFE)


def test_who_leaves_gives_the_offer_back_only_if_it_was_theirs() -> None:
    offered = in_turn(waiting("ann", "bea"), NOW, free=True)
    assert left(offered, "bea").offered_to == "ann"
    alone = left(offered, "ann")
    assert (names(alone), alone.offered_to) == (["bea"], None)
    assert left(alone, "nobody") == alone


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("join", "leave", "look")),
            st.integers(0, 5),
            st.booleans(),
            st.sampled_from((0, 1_000, OFFER_LIFE, WAIT_LIFE // 2)),
        ),
        max_size=40,
    )
)
def test_the_order_is_that_of_coming_and_only_the_first_is_ever_offered(
    acts: list[tuple[str, int, bool, int]],
) -> None:
    queue, now = Queue(), NOW
    came: dict[str, int] = {}
    for number, (act, who, free, millis) in enumerate(acts):
        now += millis
        client = f"c{who}"
        before = in_turn(queue, now, free=free)
        queue = before
        if act == "join":
            if before.position(client) is None:
                came[client] = number
            queue = joined(before, client, "text", now)
        elif act == "leave":
            queue = left(before, client)
        queue = in_turn(queue, now, free=free)
        assert names(queue) == sorted(names(queue), key=came.__getitem__)
        assert len(set(names(queue))) == len(names(queue))
        assert (queue.offered_to is not None) == (free and bool(queue.waiting))
        assert queue.offered_until is None or now < queue.offered_until <= now + OFFER_LIFE
