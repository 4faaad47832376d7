"""Reading sessions: seven states, one meter, two clocks (product §3)."""
