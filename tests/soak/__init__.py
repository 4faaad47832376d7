"""The whole system on one virtual clock: the real services, and everything around them that can go wrong."""
