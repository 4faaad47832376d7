"""The shop: products that Stripe has, orders for them, and what becomes of those."""
