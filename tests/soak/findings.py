"""What a simulation found wrong."""

from __future__ import annotations


class Finding(BaseException):
    """A rule does not hold. Not an ``Exception``: no code under test may catch it."""


def must(holds: object, rule: str, **facts: object) -> None:
    """Raise a Finding that names the rule and the facts, unless it holds."""
    if not holds:
        raise Finding(f"{rule}: {', '.join(f'{name}={value!r}' for name, value in facts.items())}")
