"""Last, when all other tests of the directory have left what they left: the books."""

from concurrent.futures import Future, wait

from infra.local.proof import prove
from infra.local.waiting import until
from tests.e2e.conftest import Story
from tests.e2e.stage import TICK, Stage


def test_after_everything_no_cent_was_made_or_lost(stage: Stage, stories: dict[Story, "Future[None]"]) -> None:
    wait(stories.values(), timeout=400)
    # Readings that a test left are ended by now or by their deadline.
    until("every reading being settled", lambda: not prove(stage.world).unsettled, seconds=TICK, every=2)
    proof = prove(stage.world)
    assert proof.faults == []
    assert proof.totals.keys() == {"usd"}
    assert len(proof.chains) > 1
