"""The local Stripe: a stateful server that the real stripe library talks to by its base address.

    StripeClient("sk_test_anything", base_addresses={"api": stripe_url})

It holds what SoulSeer uses, as Stripe's API reference describes it, and refuses the rest: a parameter that it
does not know is a 400 ``parameter_unknown``, never ignored. Any ``sk_test_…`` key opens the one account.

    server.py    the whole: address, state, what it does by itself
    api.py       the manners of ``/v1``: keys, form bodies, idempotency, expansion, error envelopes
    forms.py     bracketed form fields to nested values, and reading parameters strictly
    errors.py    Stripe's error envelope
    context.py   what every resource is given: the store, the clock, the address
    checkout.py  Checkout Sessions          page.py  the page a person pays on
    payments.py  PaymentIntents, charges, balance transactions, payment methods
    cards.py     Stripe's test numbers and what each does
    events.py    Events                     webhooks.py  who wants them, and their signatures
    control.py   ``/_local/…``: what tests need and Stripe's dashboard offers a person

To add a resource, write one module with ``ROUTES`` and name it in ``server.py``.
"""
