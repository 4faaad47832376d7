"""Decisions about streams and gifts, pure."""
