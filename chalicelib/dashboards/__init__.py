"""Dashboards: sums kept beside the ledger, and what clients, readers and admins see of them."""
