"""The admin command line: what an operator may ask and change, by their own AWS credentials.

    cli.py      arguments, exit codes
    showing.py  tables or JSON
    asking.py   what a verb is, and how what is asked of it is read
    stages.py   which tables to work on, and who the operator is
    people.py … a file a noun: what each of its verbs shows, and what it will do

It calls the same services as the API and adds no rule of its own. A change needs ``--reason``, says what it will
do, does it only with ``--yes``, is written to the audit log under the operator's IAM identity, and may be repeated.
"""
