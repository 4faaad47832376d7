"""What people are told, and in which words. Pure: facts in, words out.

``notice``  one row of the outbox, and what a person may wish not to be told of
``words``   what is read, and how sums and moments are written
``said``    the words of each kind, out of the files ``of_…``
"""
