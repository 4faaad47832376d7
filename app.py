"""The Chalice app: every context's routes and functions, and nothing else."""

import os

from chalice.app import Chalice

import chalicelib.accounts.routes
import chalicelib.live.gift_routes
import chalicelib.live.routes
import chalicelib.messaging.routes
import chalicelib.notifications.routes
import chalicelib.operations.routes
import chalicelib.payouts.routes
import chalicelib.readers.routes
import chalicelib.scheduling.routes
import chalicelib.sessions.afterwards_routes
import chalicelib.sessions.routes
import chalicelib.wallet.coin_routes
import chalicelib.wallet.routes
from chalicelib.accounts.service import sign_in
from chalicelib.gateways import world
from chalicelib.runtime.endpoint import install

app = Chalice(app_name="soulseer")
install(app, lambda claims: sign_in(world(), claims))

for part in (
    chalicelib.accounts.routes,
    chalicelib.readers.routes,
    chalicelib.wallet.routes,
    chalicelib.wallet.coin_routes,
    chalicelib.sessions.routes,
    chalicelib.sessions.afterwards_routes,
    chalicelib.live.routes,
    chalicelib.live.gift_routes,
    chalicelib.messaging.routes,
    chalicelib.payouts.routes,
    chalicelib.scheduling.routes,
    chalicelib.notifications.routes,
    chalicelib.operations.routes,
):
    app.register_blueprint(part.blueprint)


if "AWS_CHALICE_CLI_MODE" in os.environ:
    # Chalice's command line must know of the functions that no route leads to. Each has a module of its own for its
    # handler and starts without this one; `api` would start with all of them, and calls none.
    import chalicelib.live.handlers
    import chalicelib.notifications.handlers
    import chalicelib.operations.handlers
    import chalicelib.payouts.handlers
    import chalicelib.wallet.handlers

    for functions in (
        chalicelib.wallet.handlers,
        chalicelib.payouts.handlers,
        chalicelib.live.handlers,
        chalicelib.operations.handlers,
        chalicelib.notifications.handlers,
    ):
        app.register_blueprint(functions.blueprint)
