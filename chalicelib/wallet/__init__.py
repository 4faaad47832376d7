"""The wallet: credit and coins as chains of entries, the meter that rides on them, and top-ups."""
