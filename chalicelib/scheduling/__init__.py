"""When readers are to be had, and readings booked ahead."""
