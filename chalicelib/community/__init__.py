"""Threads and posts that everybody who is signed in may read."""
