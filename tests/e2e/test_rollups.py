"""What happens on the stack is in the sums a moment later: by the deployed function, with its own rights."""

from chalicelib.dashboards import rollups
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage

WHY = ("--reason", "an end-to-end test", "--yes")


def test_what_is_paid_and_earned_is_in_the_sums_a_moment_later_and_again_when_they_are_made_anew(stage: Stage) -> None:
    with stage.pair(1_000) as pair:
        pair.begin()
        pair.client.do("end")
        pair.await_state("finalized")
        pair.client.api.post(f"/v1/sessions/{pair.id}/tip", {"amount": 100})
        cost = pair.receipt()["total"]["amount"]
        reader = {"earned.reading": cost * 70 // 100, "earned.tip": 70, "readings": 1, "minutes": 1}
        client = {"topped_up": 1_000, "spent.reading": cost, "spent.tip": 100, "readings": 1, "minutes": 1}

        def summed() -> bool:
            platform = rollups.totals(stage.world, rollups.PLATFORM)
            # The pair, and whom the stack has from its beginning.
            return (
                rollups.totals(stage.world, rollups.client(pair.client.id)) == client
                and rollups.totals(stage.world, rollups.reader(pair.reader.id)) == reader
                and min(platform.get(name, 0) for name in ("people", "readers", "standing.verified")) > 1
                and platform.get("share.tip", 0) > 0
            )

        until("the sums of both and of the platform", summed, seconds=SOON)
        build = rollups.builds(stage.world).now().shown
        assert stage.admin("rollups", "rebuild", *WHY)["rows"] == [{"build": build + 1}]
        assert summed()
