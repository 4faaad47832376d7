"""The words everything else is written in: money, ids, time, errors, settings. Pure: no I/O, no clock."""
