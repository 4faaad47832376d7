"""Copies of all that a stage keeps, and bringing them back: ``scripts/soulseer backup``, docs/runbooks/restore.md.

A backup is a folder, here or in S3:

    backup.json                       what is in it: written last, so without it there is no backup
    tables/{table}/….json.gz          items, one a line, as DynamoDB exports them: {"Item": {"pk": {"S": …}}}
    objects/{bucket}.json.gz          what lay in a bucket, an object a line
    objects/{bucket}/{key}            each of them, its key quoted

Nothing of the functions' code is in here, and none of them may do what is done here.
"""
