"""What an act asks of the command line and of Stripe's dashboard is answered, or is why it cannot go on."""

import pytest

from infra.local.desk import Dashboard, command
from infra.local.stripe.server import StripeServer
from infra.local.telling import CannotGoOn
from tests.support.worlds import hand_world


def test_the_dashboard_makes_a_product_with_its_price_and_lists_it(local: StripeServer) -> None:
    stripe = Dashboard(local.url)
    made = stripe.post(
        "products", name="Deck", default_price_data__currency="usd", default_price_data__unit_amount=1_995
    )
    (listed,) = stripe.listed("prices", product=made["id"])
    assert (listed["id"], listed["unit_amount"]) == (made["default_price"], 1_995)
    stripe.pull(f"products/{made['id']}", "PUT", active=False)
    assert stripe.listed("products", active="true") == []


def test_a_command_answers_with_its_rows_and_one_that_is_refused_ends_the_act() -> None:
    world = hand_world()
    assert [each["rate"] for each in command(world, "shipping", "list")] == ["standard"]
    with pytest.raises(CannotGoOn, match=r"products show: .*not_found"):
        command(world, "products", "show", "prd_none")
