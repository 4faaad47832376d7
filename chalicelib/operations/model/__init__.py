"""The decisions about leaving, and about what one takes along, pure: no clock, no ids, no I/O.

``export``    a file of everything a person has
``deletion``  how an account ends
"""
