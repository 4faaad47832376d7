"""What a person may send about themselves."""

import pytest
from pydantic import ValidationError

from chalicelib.accounts.model.preferences import DEFAULTS, Preferences, QuietHours
from chalicelib.accounts.schemas import LimitsBody, MeChanges, PreferencesBody, PreferencesView


def test_a_birth_date_is_written_as_a_date() -> None:
    changes = MeChanges.model_validate_json('{"birth_date": "1990-12-31"}', strict=True).changes()
    assert str(changes.birth_date) == "1990-12-31"


@pytest.mark.parametrize(
    "written", ["946684800", "0", "-0", "946684800000", "1990-12-31T00:00:00", "31.12.1990", "1990-13-01"]
)
def test_what_is_set_once_is_never_guessed(written: str) -> None:
    with pytest.raises(ValidationError):
        MeChanges.model_validate_json(f'{{"birth_date": "{written}"}}', strict=True)


LIMITS = '{"day": null, "week": null, "month": null, "self_excluded_until": %s}'


@pytest.mark.parametrize("written", ["2026-12-31T18:00:00Z", "2026-12-31T19:00:00.000+01:00"])
def test_a_moment_is_written_with_its_zone(written: str) -> None:
    assert LimitsBody.model_validate_json(LIMITS % f'"{written}"', strict=True).wanted().self_excluded_until == (
        1_798_740_000_000
    )


@pytest.mark.parametrize(
    "written",
    ['"2026-12-31"', '"2026-12-31T18:00:00"', "1798740000", '"1798740000"', '"2026-13-31T18:00:00Z"', '"soon"', "true"],
)
def test_the_end_of_an_exclusion_is_never_guessed(written: str) -> None:
    with pytest.raises(ValidationError):
        LimitsBody.model_validate_json(LIMITS % written, strict=True)


def test_limits_are_given_whole_so_that_none_is_lifted_by_leaving_it_out() -> None:
    with pytest.raises(ValidationError):
        LimitsBody.model_validate_json('{"day": 5000}', strict=True)


def test_what_is_answered_of_preferences_can_be_sent_back() -> None:
    view = PreferencesView.of(Preferences({"news": frozenset({"email"})}, QuietHours(22 * 60, 7 * 60 + 30), 3))
    sent = PreferencesBody.model_validate_json(view.model_dump_json(by_alias=True), strict=True)
    assert (sent.quiet(), sent.rev) == (QuietHours(1320, 450), 3)
    assert sent.chosen() == {**DEFAULTS, "news": frozenset({"email"})}


@pytest.mark.parametrize("clock", ["24:00", "7:30", "07:60", "0730", "07:30:00"])
def test_a_quiet_hour_is_an_hour_of_the_clock(clock: str) -> None:
    with pytest.raises(ValidationError):
        PreferencesBody.model_validate_json(
            f'{{"kinds": {{}}, "rev": 0, "quiet_hours": {{"from": "{clock}", "until": "08:00"}}}}', strict=True
        )
