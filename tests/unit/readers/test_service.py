import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, Forbidden, InvalidState, LinkExpired, NotFound
from chalicelib.kernel.time import DAY, SECOND
from chalicelib.readers import service
from chalicelib.readers.service import Description
from chalicelib.runtime.identity import Claims
from tests.support.memory import MemoryTables
from tests.support.worlds import HandClock, hand_world

SAID = Description("luna-star", "Luna", "I read tarot.", ("tarot",), ("en",))
ADMIN = {"actor": "arn:admin", "reason": "because"}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables()


@pytest.fixture
def world(tables: MemoryTables, clock: HandClock) -> World:
    return hand_world(tables, now=clock)


def person(world: World, name: str = "luna") -> str:
    return accounts.sign_in(world, Claims(f"auth0|{name}", f"{name}@example.com", name)).id


def invited(world: World, name: str = "luna") -> str:
    token, _ = service.invite(world, email=None, **ADMIN)
    return service.accept_invitation(world, person(world, name), token).id


def verified(world: World, name: str = "luna", slug: str = "luna-star") -> str:
    who = invited(world, name)
    service.describe(world, who, Description(slug, name, "", (), ()))
    service.set_rates(world, who, {"text": 250})
    return service.verify(world, who, **ADMIN).id


# --- invitation


def test_an_invitation_makes_its_holder_a_reader(world: World) -> None:
    who = invited(world)
    assert accounts.person(world, who).role == "reader"
    assert service.reader(world, who).standing == "invited"


def test_no_table_holds_the_address_that_an_invitation_is_for(world: World, tables: MemoryTables) -> None:
    service.invite(world, email="luna@example.com", **ADMIN)
    assert "luna" not in repr(tables.rows)


def test_only_the_hash_of_a_token_is_stored(world: World, tables: MemoryTables) -> None:
    token, expires_at = service.invite(world, email="luna@example.com", **ADMIN)
    assert len(token) >= 43  # 256 bits in base64
    assert token not in str(tables.rows)
    assert expires_at == world.now() + 7 * DAY
    assert "luna@example.com" not in str(tables.rows["audit"])


def test_an_invitation_works_once_and_may_be_repeated_by_who_used_it(world: World) -> None:
    token, _ = service.invite(world, email=None, **ADMIN)
    who = person(world)
    first = service.accept_invitation(world, who, token)
    assert service.accept_invitation(world, who, token) == first
    with pytest.raises(AlreadyDone):
        service.accept_invitation(world, person(world, "other"), token)


def test_an_unknown_invitation_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        service.accept_invitation(world, person(world), "made up")


def test_a_refused_invitation_changes_nothing(world: World, clock: HandClock) -> None:
    token, expires_at = service.invite(world, email="other@example.com", **ADMIN)
    who = person(world)
    with pytest.raises(Forbidden):
        service.accept_invitation(world, who, token)
    clock.now = expires_at
    with pytest.raises(LinkExpired):
        service.accept_invitation(world, person(world, "other"), token)
    assert accounts.person(world, who).role == "client"


def test_an_admin_or_a_reader_cannot_use_an_invitation(world: World) -> None:
    token, _ = service.invite(world, email=None, **ADMIN)
    admin = person(world, "admin")
    accounts.set_role(world, admin, "admin", **ADMIN)
    for who in (admin, invited(world)):
        with pytest.raises(InvalidState):
            service.accept_invitation(world, who, token)


# --- description


def test_a_slug_belongs_to_one_reader_and_is_free_again_when_given_up(world: World) -> None:
    luna, sol = invited(world), invited(world, "sol")
    service.describe(world, luna, SAID)
    with pytest.raises(AlreadyDone):
        service.describe(world, sol, SAID)
    service.describe(world, luna, Description("luna-2", "Luna", "", (), ()))
    assert service.describe(world, sol, SAID).standing == "profile"


def test_describing_oneself_the_same_way_again_writes_nothing(world: World) -> None:
    luna = invited(world)
    assert service.describe(world, luna, SAID) == service.describe(world, luna, SAID)


# --- standing and presence


def test_verification_and_withdrawal_are_repeatable_and_told_once(world: World, tables: MemoryTables) -> None:
    luna = verified(world)
    service.verify(world, luna, **ADMIN)
    service.withdraw(world, luna, **ADMIN)
    service.withdraw(world, luna, **ADMIN)
    told = [row["action"] for row in tables.rows["audit"].values() if row["pk"] == luna]
    assert told == ["role_changed", "reader_verified", "reader_withdrawn"]


def test_the_public_finds_only_a_verified_reader_by_slug_or_id(world: World) -> None:
    luna, sol = verified(world), invited(world, "sol")
    assert service.by_slug(world, "luna-star") == service.by_slug(world, luna) == service.reader(world, luna)
    for missing in (sol, "sol", "usr_nobody"):
        with pytest.raises(NotFound):
            service.by_slug(world, missing)


def test_online_lasts_ninety_seconds_from_its_last_repeat(world: World, clock: HandClock) -> None:
    luna = verified(world)
    service.set_presence(world, luna, "online")
    clock.forward(60 * SECOND)
    assert service.set_presence(world, luna, "online").presence(clock.now, busy=False) == "online"
    clock.forward(89 * SECOND)
    assert service.reader(world, luna).presence(clock.now, busy=False) == "online"
    clock.forward(1 * SECOND)
    assert service.reader(world, luna).presence(clock.now, busy=False) == "offline"


def test_offline_holds_at_once_and_may_be_repeated(world: World, clock: HandClock) -> None:
    luna = verified(world)
    service.set_presence(world, luna, "online")
    for _ in range(2):
        service.set_presence(world, luna, "offline")
        assert service.reader(world, luna).presence(clock.now, busy=False) == "offline"


def test_who_is_not_verified_may_say_goodbye_but_not_hello(world: World) -> None:
    luna = invited(world)
    service.set_presence(world, luna, "offline")
    with pytest.raises(Forbidden):
        service.set_presence(world, luna, "online")


def test_presence_does_not_disturb_a_profile_that_is_being_edited(world: World) -> None:
    luna = verified(world)
    before = service.reader(world, luna).rev
    service.set_presence(world, luna, "online")
    assert service.reader(world, luna).rev == before


def test_withdrawal_shows_at_once_even_while_online(world: World, clock: HandClock) -> None:
    luna = verified(world)
    service.set_presence(world, luna, "online")
    withdrawn = service.withdraw(world, luna, **ADMIN)
    assert withdrawn.presence(clock.now, busy=False) == "offline"


# --- onboarding


def test_a_profile_tells_what_there_is_still_to_do(world: World) -> None:
    luna = invited(world)
    assert service.reader(world, luna).missing == ("profile", "rates", "verification")
    service.describe(world, luna, SAID)
    assert service.reader(world, luna).missing == ("rates", "verification")
    service.verify(world, luna, **ADMIN)
    assert service.reader(world, luna).missing == ("rates",)
    service.set_rates(world, luna, {"text": 250})
    assert service.reader(world, luna).missing == ()
    service.withdraw(world, luna, **ADMIN)
    assert service.reader(world, luna).missing == ("verification",)


def test_nobody_is_verified_without_a_profile(world: World) -> None:
    with pytest.raises(InvalidState):
        service.verify(world, invited(world), **ADMIN)


def test_who_described_themselves_waits_for_an_admin_until_one_has_looked(world: World, clock: HandClock) -> None:
    assert service.unverified(world, 10) == ([], False)
    sol, luna = invited(world, "sol"), ""
    clock.forward(SECOND)
    luna = invited(world)
    service.describe(world, luna, SAID)
    service.describe(world, sol, Description("sol", "Sol", "", (), ()))
    assert ([each.id for each in service.unverified(world, 10)[0]]) == [sol, luna]
    assert ([each.id for each in service.unverified(world, 1)[0]], service.unverified(world, 1)[1]) == ([sol], True)
    service.verify(world, sol, **ADMIN)
    assert [each.id for each in service.unverified(world, 10)[0]] == [luna]
    service.withdraw(world, sol, **ADMIN)
    service.forget(world, luna)
    assert service.unverified(world, 10) == ([], False)
