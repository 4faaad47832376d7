"""Decisions about threads and posts, pure.

``categories``  what there is to talk about, and who may begin and answer there
``thread``      a thread and its posts: writing, editing, deleting, what moderators make of it, who sees what
``wordlist``    the words that nobody may write, however they are spelled
"""
