"""Stripe's form bodies: ``line_items[0][price_data][currency]=usd`` read into nested values, then strictly.

``Params`` gives each value with its type and remembers what was asked for; ``done`` refuses what nobody asked
for, so a misspelt or unsupported parameter fails here as it does at Stripe.
"""

import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import parse_qsl

from infra.local.stripe.errors import StripeError, empty, invalid, missing, unknown

MOST_FIELDS: Final = 1_000
DEEPEST: Final = 8
LONGEST_TEXT: Final = 5_000
MOST_METADATA: Final = 50
LONGEST_METADATA_KEY: Final = 40
LONGEST_METADATA: Final = 500
LARGEST_AMOUNT: Final = 99_999_999
_WHOLE: Final = 100

_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def decoded(form: str) -> dict[str, Any]:
    """Nested dicts and lists of strings. Raises StripeError on a malformed name or a form beyond the limits."""
    try:
        pairs = parse_qsl(form, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise StripeError(400, f"The request has more than {MOST_FIELDS} parameters.") from None
    tree: dict[str, Any] = {}
    for name, value in pairs:
        _place(tree, _steps(name), value)
    return {name: _with_lists(value) for name, value in tree.items()}


def _steps(name: str) -> list[str]:
    found = _NAME.fullmatch(name)
    steps = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])] if found else []
    if not steps or len(steps) > DEEPEST:
        raise unknown(name)
    return steps


def _place(tree: dict[str, Any], steps: list[str], value: str) -> None:
    for step in steps[:-1]:
        inner = tree.setdefault(step or str(len(tree)), {})
        if not isinstance(inner, dict):
            raise invalid(steps[0], f"Invalid object: {steps[0]}")
        tree = inner
    tree[steps[-1] or str(len(tree))] = value


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _with_lists(inner) for key, inner in value.items()}


class Params:
    """The parameters of a request, or of an object within. An empty string means absent, as Stripe takes it."""

    def __init__(self, values: dict[str, Any], within: str = "") -> None:
        self._values = values
        self._within = within
        self._asked: set[str] = set()
        self._inner: list[Params] = []

    def path(self, name: str) -> str:
        """How Stripe names this parameter in an error: ``payment_intent_data[metadata]``."""
        return f"{self._within}[{name}]" if self._within else name

    def text(self, name: str, longest: int = LONGEST_TEXT) -> str | None:
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise invalid(self.path(name), f"Invalid string: {self.path(name)}")
        if len(value) > longest:
            raise invalid(self.path(name), f"Invalid string: must be at most {longest} characters")
        return value

    def required(self, name: str, longest: int = LONGEST_TEXT) -> str:
        value = self.text(name, longest)
        if value is None:
            raise missing(self.path(name))
        return value

    def choice(self, name: str, options: Collection[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in options:
            raise invalid(self.path(name), f"Invalid {self.path(name)}: must be one of {', '.join(sorted(options))}")
        return value

    def integer(self, name: str, least: int = 0, most: int = LARGEST_AMOUNT) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?[0-9]{1,15}", value):
            raise invalid(self.path(name), f"Invalid integer: {value[:40]}", "parameter_invalid_integer")
        number = int(value)
        if not least <= number <= most:
            raise invalid(self.path(name), f"This value must be from {least} to {most}.")
        return number

    def flag(self, name: str) -> bool | None:
        value = self.choice(name, ("true", "false"))
        return None if value is None else value == "true"

    def texts(self, name: str) -> list[str]:
        value = self._take(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise invalid(self.path(name), f"Invalid array: {self.path(name)}")
        return value

    def metadata(self, name: str = "metadata") -> dict[str, str]:
        """At most 50 keys of 40 characters, with values of 500."""
        value = self._take(name)
        # Keys that look like numbers are still keys here.
        if isinstance(value, list):
            value = {str(place): each for place, each in enumerate(value)}
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise invalid(self.path(name), f"Invalid object: {self.path(name)}")
        if len(value) > MOST_METADATA:
            raise invalid(self.path(name), f"Metadata can have at most {MOST_METADATA} keys")
        for key, text in value.items():
            if len(key) > LONGEST_METADATA_KEY or len(text) > LONGEST_METADATA:
                raise invalid(
                    f"{self.path(name)}[{key[:LONGEST_METADATA_KEY]}]",
                    f"Metadata keys take {LONGEST_METADATA_KEY} characters, and values {LONGEST_METADATA}.",
                )
        return {key: text for key, text in value.items() if text}

    def merged_metadata(self, before: dict[str, str], name: str = "metadata") -> dict[str, str]:
        """That of an object that is changed: an empty value takes its key away, an empty whole takes them all."""
        if self.emptied(name):
            return {}
        given = self._values.get(name)
        gone = {key for key, text in given.items() if text == ""} if isinstance(given, dict) else set()
        return {key: text for key, text in (before | self.metadata(name)).items() if key not in gone}

    def new_metadata(self, name: str = "metadata") -> dict[str, str]:
        """That of an object that is made: an empty value takes nothing away, and is refused."""
        given = self._values.get(name)
        if isinstance(given, dict) and "" in given.values():
            raise empty(f"{self.path(name)}[{next(key for key, text in given.items() if text == '')}]")
        return self.metadata(name)

    def emptied(self, name: str) -> bool:
        """Whether it was given as an empty text: at Stripe that takes a value away."""
        self._asked.add(name)
        return self._values.get(name) == ""

    def percent(self, name: str) -> float | None:
        """More than nothing, at most 100."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,12})?", value) or not 0 < float(value) <= _WHOLE:
            raise invalid(self.path(name), f"This value must be greater than 0 and at most {_WHOLE}.")
        return float(value)

    def inner(self, name: str) -> "Params | None":
        value = self._take(name)
        if value is None:
            return None
        return self._params(value, self.path(name))

    def each(self, name: str, most: int) -> list["Params"]:
        """The objects of a list."""
        value = self._take(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > most:
            raise invalid(self.path(name), f"Invalid array: {self.path(name)} takes at most {most} objects")
        return [self._params(one, f"{self.path(name)}[{place}]") for place, one in enumerate(value)]

    def done(self) -> None:
        """Refuse what was not asked for, here and within."""
        for name in self._values:
            if name not in self._asked:
                raise unknown(self.path(name))
        for inner in self._inner:
            inner.done()

    def _params(self, value: object, within: str) -> "Params":
        if not isinstance(value, dict):
            raise invalid(within, f"Invalid object: {within}")
        params = Params(value, within)
        self._inner.append(params)
        return params

    def _take(self, name: str) -> Any:
        self._asked.add(name)
        value = self._values.get(name)
        return None if value == "" else value
