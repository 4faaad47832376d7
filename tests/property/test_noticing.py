"""Who looks, how often and how late, changes nothing: only what people do, and when, and what Agora tells, decides."""

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.kernel.errors import Problem
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Session, Who
from tests.property.reference import MINUTE, SECOND
from tests.support.reading import CLIENT, READER, Stage

ACTS: Final = st.tuples(
    st.one_of(
        st.integers(0, 90 * SECOND), st.sampled_from((15 * SECOND, 30 * SECOND, 30 * SECOND, MINUTE, 75 * SECOND))
    ),
    st.sampled_from((CLIENT, READER)),
    st.sampled_from((*("heartbeat",) * 4, "leave", "reconnect", "reconnect", "renew", "finish", *("in", "in", "out"))),
)


def played(acts: list[tuple[int, str, str]], credit: int, every: int | None) -> tuple[list[str], Session, int]:
    """What each act met, how it all ended, and what is left, where somebody also looked ``every`` milliseconds."""
    stage = Stage(rate=250, credit=credit).begun("voice")
    met: list[str] = []
    for number, (wait, user, command) in enumerate(acts):
        pass_time(stage, wait, every)
        try:
            if command in ("in", "out"):
                who: Who = "client" if user == CLIENT else "reader"
                channel = stage.noticed().pauses  # the one that they can be in
                met.append(stage.told(who, number, joined=command == "in", channel=channel).state)
            else:
                met.append(stage.seen_by(user, getattr(commands, command)).session.state)
        except Problem as problem:
            met.append(problem.code)
    pass_time(stage, 20 * MINUTE, 20 * every if every else None)
    return met, stage.noticed(), stage.balance


def pass_time(stage: Stage, millis: int, every: int | None) -> None:
    end = stage.clock.now + millis
    while every and stage.clock.now + every < end:
        stage.clock.forward(every)
        stage.noticed()
    stage.clock.now = end


@settings(max_examples=60)
@given(
    acts=st.lists(ACTS, min_size=3, max_size=25),
    credit=st.sampled_from((250, 500, 1_249, 10_000)),
    every=st.sampled_from((4_999, 11_000, 30_000)),
)
def test_it_does_not_matter_when_somebody_looks(acts: list[tuple[int, str, str]], credit: int, every: int) -> None:
    met, late, left = played(acts, credit, None)
    met_early, early, left_early = played(acts, credit, every)
    assert met_early == met
    assert left_early == left
    for name in (
        "state",
        "reason",
        "cut",
        "connected_before",
        "ended_at",
        "refunded",
        "earned",
        "pauses",
        "started_at",
    ):
        assert getattr(early, name) == getattr(late, name), name
