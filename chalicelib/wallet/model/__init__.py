"""The decisions of money, pure: no clock, no ids, no I/O. A caller hands in the newest entry and the moment.

``buckets``  what a balance is made of, and in which order it is spent and given back
``chain``    an entry, its hash, and how one follows another
``meter``    a reading's minutes: what is due, starting, standing, resuming, closing, freezing
``funds``    how long a wallet lasts: run-out, lease, seconds left
``receipt``  what a reading cost, folded from its entries
``topup``    what a payment of Stripe's means for a top-up
``payment``  what became of a payment, as Stripe tells it, and the postings that follow
``promo``    who may redeem a promotional code
``recharge`` when a saved card is charged, and what becomes of it; ``terms`` its bounds
``purchase`` what an app store tells of a purchase of coins; ``packs`` what is sold
``rails``    what may be paid how, and where
``refund``   out of which payments unused credit goes back, and how far it has got
"""
