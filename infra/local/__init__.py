"""A whole SoulSeer on one computer: a local AWS, and a local counterpart of each vendor.

    issuer.py     signs access tokens, as Auth0 does
    stripe/       takes payments and sends signed webhooks, as Stripe does
    agora/        lets people into channels, puts them out, and sends signed notices, as Agora does
    web.py        the small HTTP server under these counterparts
    store.py      what they remember: objects, and jobs for a moment
    background.py the thread that does those jobs
    delivery.py   messages to the product, each tried again until it is taken
    ministack.py  starts and stops the local AWS
    journal.py    keeps what DynamoDB acknowledged, where a kill would lose it
    restart.py    what MiniStack does not take up again after a stop, made good
    deploy.py     puts the packaged functions and their resources there, by CloudFormation
    people.py     makes a client, a reader and an admin who are ready to try things
    stack.py      composes all of it; writes ``.local/stack.json``
    serve.py      keeps it up until Ctrl-C: ``python -m infra.local.serve``
    run.py        plays one paid reading on it, and proves the books: ``python -m infra.local.run``

The parts of the play:

    play.py       the story, act by act, with what is expected at each
    phone.py      what the app on a phone does: keys, retries, heartbeats, the channel, coming back
    watch.py      what the tables and Agora say meanwhile, without touching them
    desk.py       an admin's: the command line, Stripe's dashboard, the letters that went out
    screen.py     the live picture and the timeline, or plain lines
    report.py     receipt, statement, earnings and proofs on paper
    proof.py      trial balance and chains over the real ledger; channels and tokens at Agora
    waiting.py    waiting for a condition, with a limit

The product knows none of this: it is reached only by addresses in its settings, and nothing here is
packaged with the functions. Everything binds 127.0.0.1.
"""
