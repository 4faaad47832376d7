"""The admin command line: what an operator may ask and change, by their own AWS credentials.

    cli.py      arguments, exit codes, tables or JSON
    verbs.py    what each verb shows, and what it will do
    stages.py   which tables to work on, and who the operator is

It calls the same services as the API and adds no rule of its own. A change needs ``--reason``, says what it will
do, does it only with ``--yes``, is written to the audit log under the operator's IAM identity, and may be repeated.
"""
