"""Dashboards drawn: for a terminal, as a picture, as a page."""
