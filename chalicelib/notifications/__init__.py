"""Telling people what was committed: ``notify`` hears the outbox, and hands over what each wishes to hear."""
