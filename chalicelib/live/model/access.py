"""Who may watch a stream (product §6). Who may not watch it may not give to it either."""

from chalicelib.kernel.errors import Blocked, Forbidden, Problem
from chalicelib.live.model.stream import Stream
from chalicelib.live.model.terms import Barred


def barred(stream: Stream, user: str, *, banned: bool, blocked: bool, invited: bool, ticket: bool) -> Barred | None:
    """Why ``user`` may not watch it, live or not; None for who may. The host always may."""
    if user == stream.host:
        return None
    if stream.visibility == "private" and not (invited or user in stream.moderators):
        return "not_invited"  # before all else: to them it does not show
    if banned:
        return "banned"
    if blocked:
        return "blocked"
    if stream.visibility == "premium" and not ticket:
        return "no_ticket"
    return None


def refusal(why: Barred) -> Problem:
    """What somebody is answered who may not."""
    match why:
        case "blocked":
            return Blocked()
        case "banned":
            return Forbidden("You were banned from this stream.")
        case "not_invited":
            return Forbidden("This stream is for those who are invited.")
        case _:
            return Forbidden(
                "This stream is for those who have a ticket. Until it ends one can be bought (POST …/ticket)."
            )
