"""What is summed up, and how it becomes days. Pure."""
