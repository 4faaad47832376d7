"""Decisions of dashboards."""
