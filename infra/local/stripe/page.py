"""The Checkout page: a person types a test number, confirms where the bank asks, and is sent back.

    GET  /c/pay/{session}                                the page
    POST /c/pay/{session}  card=4242…&email=…            303 to success_url | 402 the page, saying why
    POST /c/pay/{session}  authentication=confirm|fail   the answer to the bank's question

    GET  /return                                         stands in for the app that a person is sent back to

As at Stripe, the redirection waits, ten seconds at most, until the webhook was tried once: who comes back
usually finds the credit there. The ``{CHECKOUT_SESSION_ID}`` of a success address is filled in.
"""

from collections.abc import Callable
from html import escape
from typing import Final

from infra.local.store import Thing
from infra.local.stripe import checkout
from infra.local.stripe.context import Context
from infra.local.stripe.errors import StripeError
from infra.local.stripe.sheet import LONGEST_FIELD, document, fields, link, money
from infra.local.web import Request, Response, Route, html_response

WAIT_FOR_WEBHOOK_SECONDS: Final = 10.0


def routes(context: Context, wait_for_attempt: Callable[[str, float], None]) -> list[Route]:
    """``wait_for_attempt(event id, seconds)`` returns when each delivery of the event was tried once."""

    def show(_: Request, id_: str) -> Response:
        with context.store.transaction():
            session = context.store.get(checkout.KIND, id_)
            if session is None:
                return html_response(404, document("Not found", "<p>There is no such Checkout Session.</p>"))
            return _page(session, checkout.tried(context, session), checkout.email_of(context, session))

    def submit(request: Request, id_: str) -> Response:
        try:
            given = fields(request)
            with context.store.transaction():
                intent = _act(context, id_, given)
                session = context.find(checkout.KIND, id_)
                completed = _completion(context, session)
                email = checkout.email_of(context, session)
        except StripeError as refusal:
            return html_response(refusal.status, document("Checkout", f"<p>{escape(str(refusal))}</p>"))
        if session["status"] != "complete":
            return _page(session, intent, email)
        if completed:
            wait_for_attempt(completed, WAIT_FOR_WEBHOOK_SECONDS)
        return Response(303, headers={"location": _back(session), "cache-control": "no-store"})

    return [
        ("GET", r"/c/pay/(?P<id_>[^/]+)", show),
        ("POST", r"/c/pay/(?P<id_>[^/]+)", submit),
        ("GET", r"/return", lambda _: html_response(200, document("Back", "<p>Here the app would take over.</p>"))),
    ]


def _act(context: Context, id_: str, given: dict[str, str]) -> Thing:
    if "authentication" in given:
        return checkout.authenticate(context, id_, agreed=given["authentication"] == "confirm")
    if not given.get("card"):
        raise StripeError(400, "Send a card number in the field card.")
    return checkout.pay(context, id_, given["card"], given.get("email"))


def _completion(context: Context, session: Thing) -> str | None:
    """The id of the event that told of the completion just made."""
    for event in context.store.newest("event", session["id"]):
        if event["type"] == f"{checkout.KIND}.completed":
            return str(event["id"])
    return None


def _back(session: Thing) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _page(session: Thing, intent: Thing | None, email: str | None) -> Response:
    if session["status"] == "complete":
        return html_response(200, document("Done", f"<p>{_payment(session)}</p>{link(_back(session), 'Continue')}"))
    if session["status"] == "expired":
        return html_response(410, document("Expired", "<p>This Checkout Session has expired.</p>"))
    amount = f"<h1>{'Save a card' if session['mode'] == 'setup' else _money(session)}</h1>"
    cancel = link(session["cancel_url"], "Cancel and go back") if session["cancel_url"] else ""
    if intent and intent["status"] == "requires_action":
        return html_response(200, document("Confirm", amount + _CONFIRM + cancel))
    error = intent and (intent.get("last_payment_error") or intent.get("last_setup_error"))
    notice = f'<p class="error" role="alert">{escape(error["message"])}</p>' if error else ""
    return html_response(402 if error else 200, document("Pay", amount + notice + _form(session, email) + cancel))


def _payment(session: Thing) -> str:
    if session["mode"] == "setup":
        return "Your card is saved. Thank you."
    if session["payment_status"] == "paid":
        return f"{_money(session)} paid. Thank you."
    return f"{_money(session)} is on its way from your bank. Thank you."


def _money(session: Thing) -> str:
    return money(session["amount_total"], session["currency"])


def _form(session: Thing, email: str | None) -> str:
    email = escape(email or "", quote=True)
    return f"""
<form method="post">
<label>Email <input type="email" name="email" value="{email}" autocomplete="off" maxlength="{LONGEST_FIELD}"></label>
<label>Card number, or a test bank account
<input name="card" value="4242 4242 4242 4242" inputmode="numeric" autocomplete="off" required></label>
<button>{"Save" if session["mode"] == "setup" else f"Pay {_money(session)}"}</button>
</form>
<details><summary>Test numbers</summary><dl>
<dt>4242 4242 4242 4242</dt><dd>pays</dd>
<dt>4000 0000 0000 0002</dt><dd>is declined</dd>
<dt>4000 0000 0000 9995</dt><dd>has insufficient funds</dd>
<dt>4000 0025 0000 3155</dt><dd>asks for a confirmation, then pays</dd>
<dt>4000 0000 0000 0341</dt><dd>can be saved, and is declined when it is charged</dd>
<dt>4000 0000 0000 5126</dt><dd>pays; a refund of it fails a little later</dd>
<dt>4000 0000 0000 0259</dt><dd>pays, and disputes it a little later</dd>
<dt>4000 0000 0000 1976</dt><dd>pays, and its bank inquires a little later</dd>
<dt>000 123 456 789</dt><dd>a bank account that pays a little later</dd>
<dt>000 222 222 227</dt><dd>a bank account that fails a little later</dd>
</dl></details>"""


_CONFIRM: Final = """
<p>Your bank asks you to confirm this payment.</p>
<form method="post">
<button name="authentication" value="confirm">Confirm</button>
<button name="authentication" value="fail" class="plain">Refuse</button>
</form>"""
