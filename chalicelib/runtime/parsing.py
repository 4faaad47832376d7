"""From the bytes of a request to checked values, or a refusal that never repeats what was sent.

A body is checked twice: that it is JSON everybody reads alike (UTF-8, no key twice, no ``NaN``, no number beyond
what a double holds exactly), then that it fits its schema, strictly.
"""

import json
import re
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from chalicelib.kernel.errors import Invalid, Malformed, NotFound, TooLarge

M = TypeVar("M", bound=BaseModel)

LARGEST_BODY: Final = 64 * 1024
"""Bytes."""
_LARGEST_INTEGER: Final = 2**53 - 1
_MOST_ERRORS: Final = 20
_PATH_VALUE: Final = "[A-Za-z0-9_-]{1,64}"
_FIELD_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

_SAYS_THE_SCHEMA: Final = re.compile(
    r"missing|extra_forbidden|literal_error|enum|finite_number|multiple_of|too_(long|short)|(greater|less)_than(_equal)?"
    r"|(string|int|float|bool|list|tuple|set|dict|model|decimal|date|datetime|time|timezone|none)_\w+"
)
"""Kinds of error whose message pydantic forms from the schema alone. Others may quote the input, as for a time zone."""
_OWN_MESSAGES: Final = frozenset({"value_error", "assertion_error"})


def body_of(model: type[M], raw: bytes, content_type: str | None) -> M:
    """The body as its model. Raises TooLarge, Malformed (not JSON) or Invalid (not this schema)."""
    if len(raw) > LARGEST_BODY:
        raise TooLarge
    if not raw.strip() and not any(field.is_required() for field in model.model_fields.values()):
        raw = b"{}"
    elif content_type is not None and not _is_json(content_type):
        raise Malformed("Send the body as application/json.")
    if not isinstance(well_formed(raw), dict):
        raise Invalid("The body must be a JSON object.")
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as refused:
        if any(each["type"] == "json_invalid" for each in refused.errors(include_input=False, include_url=False)):
            raise Malformed from None
        raise _invalid(refused) from None


def query_of(model: type[M], parameters: dict[str, list[str]]) -> M:
    """The query string as its model. Raises Invalid, also for a parameter given twice."""
    twice = [name for name, values in parameters.items() if len(values) > 1]
    if twice:
        raise Invalid(errors=tuple({"field": _field((name,)), "message": "Given more than once."} for name in twice))
    try:
        return model.model_validate_strings({name: values[0] for name, values in parameters.items() if values})
    except ValidationError as refused:
        raise _invalid(refused) from None


def path_of(values: dict[str, str]) -> dict[str, str]:
    """The path's values, each an id or a slug. Raises NotFound: nothing of ours has another name."""
    if not all(re.fullmatch(path_pattern(name), value) for name, value in values.items()):
        raise NotFound
    return values


def path_pattern(name: str) -> str:
    """What the path's value of this name must be. A part of a path is one value: a suffix belongs to it, and is
    in its name as in ``{feed_ics}``.
    """
    return _PATH_VALUE + (r"\.ics" if name.endswith("_ics") else "")


def is_idempotency_key(value: str) -> bool:
    """1 to 255 visible ASCII characters."""
    return bool(_IDEMPOTENCY_KEY.fullmatch(value))


def well_formed(raw: bytes) -> Any:
    """The JSON value of ``raw``. Raises Malformed where two readers could disagree, or one could stumble."""
    try:
        return json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_exact_integer
        )
    except (ValueError, RecursionError):
        raise Malformed from None


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is given twice")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _exact_integer(digits: str) -> int:
    number = int(digits)
    if abs(number) > _LARGEST_INTEGER:
        raise ValueError("the number is too large")
    return number


def _invalid(refused: ValidationError) -> Invalid:
    listed = refused.errors(include_input=False, include_url=False, include_context=False)[:_MOST_ERRORS]
    return Invalid(errors=tuple({"field": _field(each["loc"]), "message": _message(each)} for each in listed))


def _field(place: tuple[str | int, ...]) -> str:
    """``items.0.amount``. A name that no field of ours could have is not repeated."""
    name = ".".join(str(part) for part in place)
    return name if _FIELD_NAME.fullmatch(name) else "?"


def _message(error: Any) -> str:
    """Pydantic's words where they are made of the schema alone, ours where they might quote what was sent."""
    kind, words = error["type"], error["msg"]
    if kind in _OWN_MESSAGES:  # raised by a validator of ours, after "Value error, "
        return str(words.partition(", ")[2] or words)
    return str(words) if _SAYS_THE_SCHEMA.fullmatch(kind) else "Not acceptable."
