"""What people see of what happened: sums by day, kept from streams, for clients, readers and admins."""
