"""Readers: how they are invited and verified, what they say of themselves, what they ask, whether they are here."""
