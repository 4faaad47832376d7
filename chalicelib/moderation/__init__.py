"""What people report, what moderators decide on it, and what who wrote it says to that."""
