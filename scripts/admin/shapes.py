"""What each secret looks like: values in, what is wrong with them out. No value is ever repeated."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_HEX: Final = re.compile(r"[0-9a-f]{32}")
_STRIPE_KEY: Final = re.compile(r"[sr]k_(live|test)_\w{8,}")
_STRIPE_SECRET: Final = re.compile(r"whsec_\w{8,}")
_BUNDLE: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_ISSUER: Final = re.compile(r"[0-9a-fA-F-]{36}")
_KEY_ID: Final = re.compile(r"[A-Z0-9]{10}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PEM: Final = "-----BEGIN PRIVATE KEY-----"
_SHORTEST: Final = 16
_SHORTEST_OF_OURS: Final = 32
_LARGEST: Final = 65_536
"""Bytes that Secrets Manager takes."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a secret."""

    name: str
    form: str
    """What it is, in words."""
    fits: Callable[[Any], bool]
    needed: bool = True


def _text(form: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


def _long(shortest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) >= shortest and value.isprintable()


def _not_zero(value: Any) -> bool:
    return _text(_HEX)(value) and set(value) != {"0"}


def _service_account(value: Any) -> bool:
    has = isinstance(value, dict) and value.get("type") == "service_account"
    return has and _PEM in str(value.get("private_key")) and bool(value.get("client_email"))


SHAPES: Final[Mapping[str, tuple[Field, ...]]] = {
    "stripe": (
        Field("api_key", "Stripe's secret or restricted key, sk_… or rk_…", _text(_STRIPE_KEY)),
        Field("webhook_secret", "the endpoint's signing secret, whsec_…", _text(_STRIPE_SECRET)),
    ),
    "stripe_connect": (
        Field("webhook_secret", "the Connect endpoint's signing secret, whsec_…", _text(_STRIPE_SECRET)),
    ),
    "agora": (
        Field("app_id", "32 hexadecimal digits", _not_zero),
        Field("app_certificate", "32 hexadecimal digits", _not_zero),
    ),
    "agora_rest": (
        Field("app_id", "32 hexadecimal digits", _not_zero),
        Field("customer_id", f"at least {_SHORTEST} characters", _long(_SHORTEST)),
        Field("customer_secret", f"at least {_SHORTEST} characters", _long(_SHORTEST)),
    ),
    "agora_notices": (Field("secret", "at least 8 characters, as Agora's console shows it", _long(8)),),
    "apple": (
        Field("bundle_id", "such as com.example.app", _text(_BUNDLE)),
        Field("app_apple_id", "the app's number", lambda value: type(value) is int and value > 0),
        Field("issuer_id", "a UUID", _text(_ISSUER)),
        Field("key_id", "ten letters and digits", _text(_KEY_ID)),
        Field("private_key", "the content of the .p8 file", lambda value: isinstance(value, str) and _PEM in value),
        Field(
            "root_certificates",
            "a list of certificates in Base64",
            lambda value: isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value),
        ),
    ),
    "google": (
        Field("package_name", "such as com.example.app", _text(_BUNDLE)),
        Field("service_account", "the JSON key of a service account", _service_account),
        Field("push_audience", f"at least {_SHORTEST} characters", _long(_SHORTEST)),
        Field("push_email", "the address of the account that pushes", _text(_EMAIL)),
    ),
    "unsubscribe": (
        Field("secret", f"at least {_SHORTEST_OF_OURS} characters", _long(_SHORTEST_OF_OURS)),
        Field("previous", f"at least {_SHORTEST_OF_OURS} characters", _long(_SHORTEST_OF_OURS), needed=False),
    ),
}
OURS: Final = frozenset({"unsubscribe"})
"""Those that no vendor gives out: made at random, and good from the first moment."""


def problems(name: str, value: Any, *, production: bool) -> list[str]:
    """What is wrong with the value of that secret, for a person who cannot see it; none where it is as it should be."""
    if not isinstance(value, dict):
        return ["it is a JSON object"]
    if len(str(value)) > _LARGEST:
        return [f"it has at most {_LARGEST} bytes"]
    return list(_problems(name, value, production=production))


def _problems(name: str, value: Mapping[str, Any], *, production: bool) -> Iterator[str]:
    fields = {each.name: each for each in SHAPES[name]}
    if unknown := sorted(str(each) for each in value.keys() - fields.keys()):
        yield f"it has no field {', '.join(unknown)}; its fields are {', '.join(fields)}"
    for field in fields.values():
        if field.name not in value:
            if field.needed:
                yield f"{field.name} is missing: {field.form}"
        elif not field.fits(value[field.name]):
            yield f"{field.name} is {field.form}"
    key = value.get("api_key")
    if isinstance(key, str) and (kind := _STRIPE_KEY.fullmatch(key)) and (kind[1] == "live") is not production:
        yield (
            "api_key is of real money: only prod takes it"
            if kind[1] == "live"
            else "api_key is of test money: prod takes none"
        )
