"""The parameters of a stage: what cannot be meant is told before it is sent."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.deployment.settings import STAGES, UnusableSettings, parameters, read

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "AuthIssuer": {"Type": "String", "AllowedPattern": "^https?://.+/$", "Description": "The issuer."},
        "AlarmEmail": {"Type": "String", "Default": ""},
        "TickShards": {"Type": "Number", "Default": 16, "MinValue": 1, "MaxValue": 256},
        "RateLimits": {"Type": "String", "Default": "on", "AllowedValues": ["on", "off"]},
    }
}
ISSUER = {"AuthIssuer": "https://issuer.test/"}


def written(tmp_path: Path, told: object) -> Path:
    path = tmp_path / "dev.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    return path


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_where_people_are_a_release_begins_with_a_few_and_alarms_are_watched(stage: str) -> None:
    settings = read(ROOT / "infra" / "stages" / f"{stage}.json")
    assert settings.parameters["Canary"] == "true"
    assert settings.watch_minutes >= 5


@pytest.mark.parametrize("stage", STAGES)
def test_nobody_s_tokens_are_trusted_until_somebody_says_whose(stage: str) -> None:
    assert read(ROOT / "infra" / "stages" / f"{stage}.json").parameters["AuthIssuer"] == ""


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("{", "is no JSON"),
        ([], "it is an object with"),
        ({"region": "us-east-1", "parameters": {}}, "it is an object with"),
        ({"region": "us-east-1", "watch_minutes": 1, "parameters": {}, "extra": 1}, "and nothing else"),
        ({"region": "Ohio", "watch_minutes": 1, "parameters": {}}, "region is a name"),
        ({"region": "us-east-1", "watch_minutes": 181, "parameters": {}}, "from 0 to 180"),
        ({"region": "us-east-1", "watch_minutes": True, "parameters": {}}, "from 0 to 180"),
        ({"region": "us-east-1", "watch_minutes": 1, "parameters": {"TickShards": 16}}, "an object of texts"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_the_reason(tmp_path: Path, told: object, why: str) -> None:
    with pytest.raises(UnusableSettings, match=why):
        read(written(tmp_path, told))


def test_a_stage_without_a_file_is_told_where_it_belongs(tmp_path: Path) -> None:
    with pytest.raises(UnusableSettings, match="described there"):
        read(tmp_path / "none.json")


def test_what_the_command_adds_goes_before_the_file() -> None:
    assert parameters(TEMPLATE, ISSUER | {"RateLimits": "on"}, {"RateLimits": "off"})["RateLimits"] == "off"


def test_what_has_a_default_need_not_be_given() -> None:
    assert parameters(TEMPLATE, ISSUER, {}) == ISSUER


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "AuthIssuer is not set, and has no default. The issuer."),
        ({"AuthIssuer": ""}, "AuthIssuer is not set"),
        ({"AuthIssuer": "https://issuer.test"}, "does not fit"),
        (ISSUER | {"Nonsense": "1"}, "Nonsense: the template has no such parameter"),
        (ISSUER | {"RateLimits": "maybe"}, "one of on, off"),
        (ISSUER | {"TickShards": "many"}, "it is a number"),
        (ISSUER | {"TickShards": "0"}, "between 1 and 256"),
        (ISSUER | {"TickShards": "nan"}, "between 1 and 256"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_refused_with_the_reason(given: dict[str, str], why: str) -> None:
    with pytest.raises(UnusableSettings, match=why):
        parameters(TEMPLATE, given, {})


def test_what_is_hidden_comes_by_the_command_and_never_by_the_file() -> None:
    template = {"Parameters": {"PagerUrl": {"Type": "String", "Default": "", "NoEcho": True}}}
    assert parameters(template, {}, {"PagerUrl": "https://pager.test/x"}) == {"PagerUrl": "https://pager.test/x"}
    with pytest.raises(UnusableSettings, match="nobody's eyes"):
        parameters(template, {"PagerUrl": "https://pager.test/x"}, {})


def test_what_is_hidden_and_does_not_fit_is_not_repeated() -> None:
    template = {"Parameters": {"PagerUrl": {"Default": "", "NoEcho": True, "AllowedPattern": "^(https://.+)?$"}}}
    with pytest.raises(UnusableSettings, match="what was given does not fit") as told:
        parameters(template, {}, {"PagerUrl": "http://pager.test/key"})
    assert "key" not in str(told.value)


@pytest.mark.parametrize("key", ["sk_live_1a", "rk_test_1a", "whsec_1a", "AKIA1A", "-----BEGIN PRIVATE KEY-----"])
def test_a_key_is_no_parameter_and_is_not_repeated(key: str) -> None:
    with pytest.raises(UnusableSettings, match="secrets set") as told:
        parameters(TEMPLATE, ISSUER, {"AlarmEmail": key})
    assert key not in str(told.value)
