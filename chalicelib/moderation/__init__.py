"""What people report, and what is done about it."""
