"""The decisions of a reading, pure: no clock, no ids, no I/O. Values in, a ``Step`` out.

``session``   what a reading is, and how it is stored
``moves``     pausing, ending, starting, resuming: how one state becomes another
``due``       what time alone makes due, and when to look again
``commands``  what the two people, and an admin, may do
"""
