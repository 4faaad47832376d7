"""The Chalice app: every context's routes and functions, and nothing else."""

import os
from typing import Final

from chalicelib.accounts.service import sign_in
from chalicelib.gateways import world
from chalicelib.runtime.endpoint import install
from chalicelib.runtime.limiter import limiter
from chalicelib.runtime.parts import App

# The paths of each module's routes. The first request to one of them reads the module.
PARTS: Final = {
    "chalicelib.accounts.routes": ("/v1/me", "/v1/me/*", "/v1/me/limits", "/v1/uploads"),
    "chalicelib.readers.routes": (
        "/v1/reader/invitation",
        "/v1/reader/picture",
        "/v1/reader/profile",
        "/v1/reader/rates",
    ),
    "chalicelib.wallet.routes": ("/v1/coins/apple", "/v1/coins/google", "/v1/wallet*"),
    "chalicelib.wallet.coin_routes": ("/v1/coins/packs",),
    "chalicelib.sessions.routes": (
        "/v1/favorites*",
        "/v1/me/limits",
        "/v1/reader/presence",
        "/v1/readers*",
        "/v1/sessions",
        "/v1/sessions/*",
    ),
    "chalicelib.sessions.afterwards_routes": (
        "/v1/reader/clients/*",
        "/v1/readers/{slug}/reviews",
        "/v1/reviews/*",
        "/v1/sessions/{session_id}/guarantee",
        "/v1/sessions/{session_id}/note",
        "/v1/sessions/{session_id}/review",
        "/v1/sessions/{session_id}/tip",
    ),
    "chalicelib.live.routes": ("/v1/streams*",),
    "chalicelib.live.gift_routes": (
        "/v1/gifts",
        "/v1/streams/{stream_id}/gifts",
        "/v1/streams/{stream_id}/leaderboard",
        "/v1/streams/{stream_id}/ticket",
    ),
    "chalicelib.messaging.routes": ("/v1/conversations*", "/v1/messages/{message_id}/unlock"),
    "chalicelib.shop.routes": ("/v1/products*", "/v1/reader/products", "/v1/reader/products/{product_id}"),
    "chalicelib.shop.coin_routes": ("/v1/coins/checkout",),
    "chalicelib.shop.shipping_routes": ("/v1/shipping-rates",),
    "chalicelib.community.routes": ("/v1/categories", "/v1/posts/*", "/v1/threads*"),
    "chalicelib.moderation.routes": (
        "/v1/appeals",
        "/v1/messages/{message_id}/report",
        "/v1/moderation*",
        "/v1/reports",
        "/v1/sessions/{session_id}/report",
    ),
    "chalicelib.payouts.routes": ("/v1/reader/earnings*", "/v1/reader/payout*"),
    "chalicelib.shop.order_routes": (
        "/v1/orders",
        "/v1/orders/{order_id}",
        "/v1/orders/{order_id}/cancel",
        "/v1/reader/sales",
    ),
    "chalicelib.scheduling.routes": (
        "/v1/bookings*",
        "/v1/calendar/*",
        "/v1/me/calendar",
        "/v1/reader/availability*",
        "/v1/readers/{slug}/slots",
        "/v1/sessions",
        "/v1/streams/{stream_id}/start",
    ),
    "chalicelib.shop.file_routes": (
        "/v1/downloads/{download_id}",
        "/v1/orders/{order_id}/items/{item_id}/download",
        "/v1/reader/products/{product_id}/file",
    ),
    "chalicelib.notifications.routes": ("/v1/notifications*", "/v1/unsubscribe/*"),
    "chalicelib.dashboards.client_routes": ("/v1/dashboard/client",),
    "chalicelib.dashboards.reader_routes": ("/v1/dashboard/reader",),
    "chalicelib.dashboards.platform_routes": ("/v1/dashboard/admin",),
    "chalicelib.operations.routes": (
        "/docs*",
        "/health",
        "/openapi.json",
        "/v1/me/deletion*",
        "/v1/me/export*",
        "/v1/meta/*",
    ),
}

app = App("soulseer", PARTS)
install(app, lambda claims, admit: sign_in(world(), claims, admit))

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    limiter()  # now, as the world: while a function starts it has whole processors

if "AWS_CHALICE_CLI_MODE" in os.environ:
    # Chalice's command line must know of every route, and of the functions that none leads to. Each of those has a
    # module of its own for its handler and starts without this one; `api` would start with all of them, and calls none.
    import chalicelib.dashboards.handlers
    import chalicelib.live.handlers
    import chalicelib.notifications.handlers
    import chalicelib.operations.handlers
    import chalicelib.shop.handlers
    import chalicelib.wallet.handlers

    app.every_route()
    for functions in (
        chalicelib.wallet.handlers,
        chalicelib.live.handlers,
        chalicelib.shop.handlers,
        chalicelib.operations.handlers,
        chalicelib.notifications.handlers,
        chalicelib.dashboards.handlers,
    ):
        app.register_blueprint(functions.blueprint)
