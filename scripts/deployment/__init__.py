"""How a stage gets to AWS, and back: what ``scripts/deploy.py`` and the local stack deploy with.

changes.py   what a change set would do, as rows for people, and what of it is refused (pure)
settings.py  the parameters of a stage: ``infra/stages/{stage}.json`` and what the command adds
stack.py     CloudFormation: upload, propose, carry out, wait, clean up
smoke.py     whether what was deployed answers as it should
release.py   all of it in order, and the way back where the smoke test fails
screen.py    what is shown of it, as tables
"""
