"""The community: threads in categories, posts with one level of replies, and the words that nobody may write."""
