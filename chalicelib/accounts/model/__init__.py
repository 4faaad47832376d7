"""The decisions about a person, pure: no clock, no ids, no I/O.

``person``       the profile: what may be changed, by whom
``consents``     which version of a document was agreed to, and when first
``devices``      where a push goes
``preferences``  which notices a person wants, by which channel, and when not
``blocks``       whom a person will not meet
``limits``       how much a person lets themselves spend
"""
