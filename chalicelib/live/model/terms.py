"""The words and bounds of streams that the API's shapes share with the decisions."""

from typing import Final, Literal

State = Literal["scheduled", "live", "ended", "finalized"]
Visibility = Literal["public", "private", "premium"]
"""Who may watch: everybody, who is invited, or who has a ticket."""
Reason = Literal["host_ended", "host_gone", "cancelled", "not_started", "max_duration", "admin", "suspended"]
"""What ended it."""
Barred = Literal["signed_out", "not_live", "banned", "blocked", "not_invited", "no_ticket"]
"""Why somebody cannot watch."""

TITLE_LENGTH: Final = 120
MOST_COINS: Final = 100_000
"""What a ticket costs at most."""
MOST_MODERATORS: Final = 10
MOST_INVITED: Final = 500
INVITED_AT_ONCE: Final = 50
