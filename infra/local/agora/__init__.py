"""The local Agora: channels that people really are in, the REST API that puts them out, signed notices of both.

It holds what SoulSeer uses, as Agora's documentation describes it, and refuses the rest. There is no sound and no
picture: to be in a channel is to have joined it with a token that opens it, until one leaves, is put out, loses the
network, or the token runs out.

    server.py    the whole: address, state, what it does by itself
    context.py   what every part is given: the store, the clock, the account
    channels.py  who is in which channel, and who may not be
    tokens.py    RTC tokens (version 006) read and verified
    notices.py   signed notices of who came and went, and what may go wrong on their way
    rest.py      the REST API, and its being down
    signalling.py  messages to everybody in a channel, kept
    control.py   ``/_local/…``: what a phone's SDK does, and what only a test wants
    device.py    that SDK, for phones and tests
"""
