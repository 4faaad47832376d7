"""The Checkout page: a person types a test number, confirms where the bank asks, and is sent back.

    GET  /c/pay/{session}                                the page
    POST /c/pay/{session}  card=4242…&email=…            303 to success_url | 402 the page, saying why
    POST /c/pay/{session}  authentication=confirm|fail   the answer to the bank's question
    POST /c/pay/{session}  free=yes                      takes what costs nothing

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
            return _page(context, session, checkout.tried(context, session))

    def submit(request: Request, id_: str) -> Response:
        try:
            given = fields(request)
            with context.store.transaction():
                intent = _act(context, id_, given)
                session = context.find(checkout.KIND, id_)
                completed = _completion(context, session)
                if session["status"] != "complete":
                    return _page(context, session, intent)
        except StripeError as refusal:
            return html_response(refusal.status, document("Checkout", f"<p>{escape(str(refusal))}</p>"))
        if completed:
            wait_for_attempt(completed, WAIT_FOR_WEBHOOK_SECONDS)
        return Response(303, headers={"location": _back(session), "cache-control": "no-store"})

    return [
        ("GET", r"/c/pay/(?P<id_>[^/]+)", show),
        ("POST", r"/c/pay/(?P<id_>[^/]+)", submit),
        ("GET", r"/return", lambda _: html_response(200, document("Back", "<p>Here the app would take over.</p>"))),
    ]


def _act(context: Context, id_: str, given: dict[str, str]) -> Thing | None:
    """The intent that came of it, if one did."""
    if "authentication" in given:
        return checkout.authenticate(context, id_, agreed=given["authentication"] == "confirm")
    if not given.get("card"):
        checkout.finish(context, id_, given.get("email"))
        return None
    return checkout.pay(context, id_, given["card"], given.get("email"))


def _completion(context: Context, session: Thing) -> str | None:
    """The id of the event that told of the completion just made."""
    for event in context.store.newest("event", session["id"]):
        if event["type"] == f"{checkout.KIND}.completed":
            return str(event["id"])
    return None


def _back(session: Thing) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _page(context: Context, session: Thing, intent: Thing | None) -> Response:
    if session["status"] == "complete":
        return html_response(200, document("Done", f"<p>{_payment(session)}</p>{link(_back(session), 'Continue')}"))
    if session["status"] == "expired":
        return html_response(410, document("Expired", "<p>This Checkout Session has expired.</p>"))
    head = (
        "<h1>Save a card</h1>"
        if session["mode"] == "setup"
        else _bill(session, checkout.lines_of(context, session["id"]))
    )
    cancel = link(session["cancel_url"], "Cancel and go back") if session["cancel_url"] else ""
    if intent and intent["status"] == "requires_action":
        return html_response(200, document("Confirm", head + _CONFIRM + cancel))
    error = intent and (intent.get("last_payment_error") or intent.get("last_setup_error"))
    notice = f'<p class="error" role="alert">{escape(error["message"])}</p>' if error else ""
    form = _form(session, checkout.email_of(context, session))
    return html_response(402 if error else 200, document("Pay", head + notice + form + cancel))


def _bill(session: Thing, lines: list[Thing]) -> str:
    """The total, and how it comes about."""
    parts, currency = session["total_details"], session["currency"]
    rows = [(_line(each), money(each["amount_subtotal"], currency)) for each in lines]
    if parts["amount_discount"]:
        rows.append(("Discount", money(-parts["amount_discount"], currency)))
    if session["shipping_cost"]:
        rows.append(("Shipping", money(parts["amount_shipping"], currency)))
    if len(rows) > 1:
        rows.append(("Total", _money(session)))
    bill = "".join(f"<tr><td>{what}</td><td>{amount}</td></tr>" for what, amount in rows)
    return f"<h1>{_money(session)}</h1><table>{bill}</table>"


def _line(line: Thing) -> str:
    name = escape(line["description"])
    return name if line["quantity"] == 1 else f"{name} × {line['quantity']}"  # noqa: RUF001 - as a bill writes it


def _payment(session: Thing) -> str:
    if session["mode"] == "setup":
        return "Your card is saved. Thank you."
    if session["payment_status"] == "no_payment_required":
        return "There was nothing to pay. Thank you."
    if session["payment_status"] == "paid":
        return f"{_money(session)} paid. Thank you."
    return f"{_money(session)} is on its way from your bank. Thank you."


def _money(session: Thing) -> str:
    return money(session["amount_total"], session["currency"])


def _form(session: Thing, email: str | None) -> str:
    email = escape(email or "", quote=True)
    asked = f"""<form method="post">
<label>Email <input type="email" name="email" value="{email}" autocomplete="off" maxlength="{LONGEST_FIELD}"></label>"""
    if checkout.is_free(session):
        return f'{asked}<button name="free" value="yes">Complete order</button></form>'
    return f"""
{asked}
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
