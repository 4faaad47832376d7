"""Conversations of clients and readers: messages, and replies that are paid for."""
