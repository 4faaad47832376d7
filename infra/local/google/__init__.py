"""The local Google: purchases in Google Play, the Play Developer API, and signed pushes of what became of them.

It holds what SoulSeer uses, as Google's documentation describes it, and refuses the rest. There is no money: to buy is
to say so by ``/_local``, in the place of a phone and its Play Store.

    server.py    the whole: address, state, what it does by itself
    context.py   what every part is given: the store, the clock, the app and its service account
    orders.py    purchases, and what may become of one
    api.py       ``/token``, ``/androidpublisher/v3/…``, the keys of pushes, and all of it being down
    pushes.py    signed pushes of notifications, and what may go wrong on their way
    control.py   ``/_local/…``: what people, banks and Google do, and what only a test wants
"""
