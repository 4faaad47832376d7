from datetime import date

import pytest

from chalicelib.accounts import service
from chalicelib.accounts.service import Changes
from chalicelib.gateways import World
from chalicelib.kernel.errors import AgeRequired, InvalidState, NotFound, RateLimited
from chalicelib.runtime.identity import Caller, Claims
from chalicelib.runtime.tables import Item
from tests.support.memory import MemoryTables
from tests.support.worlds import hand_world

ADA = Claims("auth0|ada", "ada@example.com", "Ada")


class CountingTables(MemoryTables):
    """Counts what a request costs."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.writes = 0

    def get(self, *args: object, **named: object) -> Item | None:
        self.reads += 1
        return super().get(*args, **named)  # type: ignore[arg-type]

    def write(self, *operations: object) -> None:
        self.writes += 1
        super().write(*operations)  # type: ignore[arg-type]


@pytest.fixture
def tables() -> CountingTables:
    return CountingTables()


@pytest.fixture
def world(tables: CountingTables) -> World:
    return hand_world(tables)


def audited(tables: MemoryTables) -> list[tuple[str, str, str]]:
    return [(row["pk"], row["action"], row["reason"]) for row in tables.rows["audit"].values()]


def test_the_first_request_of_a_subject_makes_a_client(world: World) -> None:
    caller = service.sign_in(world, ADA)
    assert caller == Caller(service.person_id(world, "auth0|ada"), "client", "Ada")
    assert caller.id.startswith("usr_")
    assert service.person(world, caller.id).email == "ada@example.com"


def test_a_later_request_costs_one_read_and_no_write(world: World, tables: CountingTables) -> None:
    first = service.sign_in(world, ADA)
    tables.reads = tables.writes = 0
    assert service.sign_in(world, ADA) == first
    assert (tables.reads, tables.writes) == (1, 0)


def test_somebody_new_is_made_only_where_that_is_let_and_who_is_known_asks_nobody(
    world: World, tables: CountingTables
) -> None:
    def refuse() -> None:
        raise RateLimited

    with pytest.raises(RateLimited):
        service.sign_in(world, ADA, refuse)
    assert tables.writes == 0
    assert service.sign_in(world, ADA) == service.sign_in(world, ADA, refuse)


def test_the_same_subject_of_another_issuer_is_another_person(world: World) -> None:
    assert service.person_id(world, "a") != service.person_id(world, "b")


def test_a_tokens_later_name_does_not_undo_the_one_that_was_chosen(world: World) -> None:
    me = service.sign_in(world, ADA).id
    service.change(world, me, Changes(display_name="Countess"))
    assert service.sign_in(world, ADA).display_name == "Countess"


def test_the_address_follows_the_token(world: World) -> None:
    me = service.sign_in(world, ADA).id
    service.sign_in(world, Claims(ADA.subject, "new@example.com", "Ada"))
    assert service.person(world, me).email == "new@example.com"
    service.sign_in(world, Claims(ADA.subject, None, None))
    assert service.person(world, me).email == "new@example.com"


def test_a_missing_person_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        service.person(world, "usr_nobody")


def test_a_refused_change_changes_nothing(world: World) -> None:
    me = service.sign_in(world, ADA).id
    with pytest.raises(AgeRequired):
        service.change(world, me, Changes(display_name="Kid", birth_date=date(2020, 1, 1)))
    assert service.person(world, me).display_name == "Ada"


def test_suspension_holds_from_the_next_request_and_is_lifted_again(world: World, tables: CountingTables) -> None:
    me = service.sign_in(world, ADA).id
    service.suspend(world, me, actor="arn:admin", reason="abuse")
    assert service.sign_in(world, ADA).suspended
    service.reinstate(world, me, actor="arn:admin", reason="mistake")
    assert not service.sign_in(world, ADA).suspended
    assert audited(tables) == [(me, "person_suspended", "abuse"), (me, "person_reinstated", "mistake")]


def test_an_admins_repeat_is_done_and_leaves_no_second_entry(world: World, tables: CountingTables) -> None:
    me = service.sign_in(world, ADA).id
    for _ in range(2):
        assert service.set_role(world, me, "admin", actor="arn:admin", reason="staff").role == "admin"
    assert audited(tables) == [(me, "role_changed", "staff")]
    assert service.sign_in(world, ADA).role == "admin"


def test_a_refused_role_leaves_no_entry(world: World, tables: CountingTables) -> None:
    me = service.sign_in(world, ADA).id
    service.set_role(world, me, "admin", actor="arn:admin", reason="staff")
    with pytest.raises(InvalidState):
        service.set_role(world, me, "reader", actor="arn:admin", reason="?")
    assert len(audited(tables)) == 1


def test_people_are_found_by_address_in_any_case(world: World) -> None:
    me = service.sign_in(world, ADA).id
    service.sign_in(world, Claims("auth0|other", None, None))
    assert [each.id for each in service.having_email(world, "ADA@example.com")] == [me]
