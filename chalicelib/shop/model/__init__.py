"""Decisions on products, orders and what is given back. Pure: no clock, no ids, no I/O."""
