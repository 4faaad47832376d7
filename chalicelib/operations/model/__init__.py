"""The decisions about running it, and about leaving and what one takes along, pure: no clock, no ids, no I/O.

``adjustment``      what is given, taken or divided by hand, and when two people must want it
``operator``        who is behind an identity at AWS
``reconciliation``  whether the ledger and Stripe's balance agree
``dead_letter``     what could not be done, and how it is done again
``export``          a file of everything a person has
``deletion``        how an account ends
"""
