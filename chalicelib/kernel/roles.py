"""What somebody may be. Kept in our own table; a token's claim never grants a role (product §1)."""

from typing import Literal

Role = Literal["client", "reader", "admin"]
