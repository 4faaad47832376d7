"""The local Stripe: a stateful server that the real stripe library talks to by its base address.

    StripeClient("sk_test_anything", base_addresses={"api": stripe_url})

It holds what SoulSeer uses, as Stripe's API reference describes it, and refuses the rest: a parameter that it
does not know is a 400 ``parameter_unknown``, never ignored. Any ``sk_test_…`` key opens the one account.

    server.py      the whole: address, state, what it does by itself
    api.py         the manners of ``/v1``: keys, form bodies, idempotency, expansion, accounts, error envelopes
    forms.py       bracketed form fields to nested values, and reading parameters strictly
    errors.py      Stripe's error envelope
    context.py     what every resource is given: the store, the clock, the address, the account
    checkout.py    Checkout Sessions           checkout_objects.py  as they look
    checkout_lines.py  what they sell, less what is taken off, with sending
    products.py    Products                    prices.py   Prices
    coupons.py     Coupons, promotion codes    discounts.py  what they take off: pure
    payments.py    PaymentIntents, and what comes of an attempt      intents.py  PaymentIntents over the API
    setups.py      SetupIntents                customers.py  Customers
    methods.py     PaymentMethods              cards.py  Stripe's test numbers and what each does
    charges.py     Charges                     refunds.py  Refunds           disputes.py  Disputes
    accounts.py    connected accounts          transfers.py  Transfers       payouts.py   Payouts
    balance.py     the balance and its transactions, the platform's and each account's
    page.py        the page a person pays on   onboarding.py  the pages of an account's owner
    sheet.py       what the pages have in common
    events.py      Events                      webhooks.py  who wants them, how, and their signatures
    control.py     ``/_local/…``: what tests need and Stripe's dashboard offers a person

To add a resource, write one module with ``ROUTES`` (and ``LEVERS``, below ``/_local``) and name it in ``server.py``.
"""
