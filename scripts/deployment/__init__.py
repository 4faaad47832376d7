"""How a stage gets to AWS, and back: what ``scripts/deploy.py`` and the local stack deploy with.

cli.py        arguments in, an exit code out; arguments.py reads them
release.py    all of it in order; before.py what is looked at first, back.py the way back where it does not answer
asked.py      what a release is asked for, what it shows, and what may come of it
changes.py    what a change set would do, as rows for people, and what of it is refused (pure)
history.py    what was released, what became of it, and which is the one to go back to (pure)
states.py     what each state of a stack means, and what somebody does about it (pure)
stack.py      CloudFormation: propose, carry out, wait, clean up; events.py what it tells meanwhile
packages.py   the bucket: packages, templates, and what was released
versions.py   the versions of `api`, and the alias that requests follow
settings.py   the parameters of a stage: ``infra/stages/{stage}.json`` and what the command adds
source.py     which commit it is, and what speaks against it
smoke.py      whether what was deployed answers as it should
screen.py     what is shown of it, as tables
failures.py   how a release ends that does not end well
"""
