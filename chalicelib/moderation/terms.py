"""The words of moderation that its rules share with the shapes of the API."""

from typing import Final, Literal

Kind = Literal["post", "message", "review", "session", "stream", "person"]
Reason = Literal["spam", "harassment", "hate", "sexual", "self_harm", "fraud", "other"]
SessionReason = Literal["abuse", "sexual", "scam", "off_platform", "self_harm", "underage", "other"]
"""What can be wrong with a reading."""
Rule = Reason | SessionReason
Action = Literal["hide", "remove", "warn", "suspend", "uphold"]
Verdict = Action | Literal["dismiss"]
Waiting = Literal["pending", "appealed"]
State = Waiting | Literal["resolved", "dismissed"]

LONGEST: Final = 2_000
"""Characters of a report or an appeal."""
