"""Who people are: the profile behind a subject's token, its role, whether it is suspended."""
