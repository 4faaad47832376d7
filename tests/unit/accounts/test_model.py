from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.model.person import (
    ADULT,
    NAME_LENGTH,
    NEUTRAL_NAME,
    Changes,
    Person,
    age,
    changed,
    newcomer,
    with_role,
)
from chalicelib.kernel.errors import AgeRequired, AlreadyDone, Invalid, InvalidState
from chalicelib.kernel.roles import Role

TODAY = date(2026, 11, 22)


def person(name: str | None = "Ada", role: Role = "client") -> Person:
    return replace(newcomer("usr_1", name, "ada@example.com", 1_000), role=role)


def test_a_newcomer_is_an_active_client() -> None:
    made = person()
    assert (made.role, made.status, made.birth_date, made.time_zone, made.locale) == (
        "client",
        "active",
        None,
        "UTC",
        "en",
    )


@pytest.mark.parametrize("name", [None, "", "\u202e", "   ", "ada@example.com"])
def test_without_a_name_fit_to_show_a_newcomer_gets_a_neutral_one(name: str | None) -> None:
    assert person(name).display_name == NEUTRAL_NAME


@given(st.text())
def test_a_newcomers_name_always_passes_the_rule_for_names(name: str) -> None:
    made = person(name).display_name
    assert changed(person(), Changes(display_name=made), TODAY).display_name == made


def test_what_is_not_sent_stays() -> None:
    was = replace(person(), birth_date=date(1990, 1, 1), time_zone="Europe/Rome", locale="it-IT")
    assert changed(was, Changes(), TODAY) == was
    assert changed(was, Changes(display_name="Grace"), TODAY) == replace(was, display_name="Grace")


def test_every_field_at_fault_is_named_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        changed(person(), Changes(display_name="x" * (NAME_LENGTH + 1), time_zone="Mars/Base", locale="?"), TODAY)
    assert [each["field"] for each in refused.value.errors] == ["display_name", "time_zone", "locale"]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "America/Argentina/Buenos_Aires", "Asia/Kolkata"])
def test_an_iana_time_zone_is_accepted(zone: str) -> None:
    assert changed(person(), Changes(time_zone=zone), TODAY).time_zone == zone


@pytest.mark.parametrize(
    "zone",
    ["", "EST5", "utc", "localtime", "America/Argentina", "America/Nowhere", "../../etc/passwd", "/etc/passwd",
     "posix/UTC", "right/Europe/Rome", "Europe/Rome\x00", "A/" + "b" * 300],
)  # fmt: skip
def test_what_is_no_iana_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(Invalid):
        changed(person(), Changes(time_zone=zone), TODAY)


def test_a_birth_date_is_set_once_and_may_be_repeated() -> None:
    born = date(1990, 1, 1)
    once = changed(person(), Changes(birth_date=born), TODAY)
    assert changed(once, Changes(birth_date=born), TODAY) == once
    with pytest.raises(AlreadyDone):
        changed(once, Changes(birth_date=date(1990, 1, 2)), TODAY)


@pytest.mark.parametrize("born", [TODAY, TODAY + timedelta(days=1), date(1900, 1, 1), date(1, 1, 1)])
def test_a_birth_date_nobody_alive_has_is_refused(born: date) -> None:
    with pytest.raises(Invalid):
        changed(person(), Changes(birth_date=born), TODAY)


def test_a_person_is_of_age_on_the_eighteenth_birthday_and_not_a_day_before() -> None:
    eighteen = date(2008, 11, 22)
    assert changed(person(), Changes(birth_date=eighteen), TODAY).birth_date == eighteen
    with pytest.raises(AgeRequired):
        changed(person(), Changes(birth_date=eighteen + timedelta(days=1)), TODAY)


def test_who_was_born_on_a_leap_day_comes_of_age_on_the_first_of_march() -> None:
    born = date(2008, 2, 29)
    assert age(born, date(2026, 2, 28)) == ADULT - 1
    assert age(born, date(2026, 3, 1)) == ADULT


@given(st.dates(max_value=TODAY), st.integers(0, 40_000))
def test_age_never_falls_as_days_pass(born: date, days: int) -> None:
    later = min(date.max, TODAY + timedelta(days=days))
    assert 0 <= age(born, TODAY) <= age(born, later)


@pytest.mark.parametrize(("role", "wanted"), [("client", "reader"), ("client", "admin"), ("admin", "client")])
def test_a_client_can_become_a_reader_or_an_admin(role: Role, wanted: Role) -> None:
    assert with_role(person(role=role), wanted).role == wanted


@pytest.mark.parametrize(("role", "wanted"), [("reader", "client"), ("reader", "admin"), ("admin", "reader")])
def test_a_reader_stays_a_reader(role: Role, wanted: Role) -> None:
    with pytest.raises(InvalidState):
        with_role(person(role=role), wanted)
