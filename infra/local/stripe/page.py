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
from urllib.parse import parse_qs

from infra.local.store import Thing
from infra.local.stripe import checkout
from infra.local.stripe.context import Context
from infra.local.stripe.errors import StripeError
from infra.local.web import Request, Response, Route, html_response

WAIT_FOR_WEBHOOK_SECONDS: Final = 10.0
_MOST_FIELDS: Final = 20
_LONGEST_FIELD: Final = 200


def routes(context: Context, wait_for_attempt: Callable[[str, float], None]) -> list[Route]:
    """``wait_for_attempt(event id, seconds)`` returns when each delivery of the event was tried once."""

    def show(_: Request, id_: str) -> Response:
        with context.store.transaction():
            session = context.store.get(checkout.KIND, id_)
            intent = checkout.tried(context, session) if session else None
        return _page(session, intent)

    def submit(request: Request, id_: str) -> Response:
        try:
            fields = _fields(request)
            with context.store.transaction():
                intent = _act(context, id_, fields)
                session = context.find(checkout.KIND, id_)
                completed = _completion(context, session)
        except StripeError as refusal:
            return html_response(refusal.status, _document("Checkout", f"<p>{escape(str(refusal))}</p>"))
        if session["status"] != "complete":
            return _page(session, intent)
        if completed:
            wait_for_attempt(completed, WAIT_FOR_WEBHOOK_SECONDS)
        return Response(303, headers={"location": _back(session), "cache-control": "no-store"})

    return [
        ("GET", r"/c/pay/(?P<id_>[^/]+)", show),
        ("POST", r"/c/pay/(?P<id_>[^/]+)", submit),
        ("GET", r"/return", lambda _: html_response(200, _document("Back", "<p>Here the app would take over.</p>"))),
    ]


def _act(context: Context, id_: str, fields: dict[str, str]) -> Thing:
    if "authentication" in fields:
        return checkout.authenticate(context, id_, agreed=fields["authentication"] == "confirm")
    if not fields.get("card"):
        raise StripeError(400, "Send a card number in the field card.")
    return checkout.pay(context, id_, fields["card"], fields.get("email"))


def _fields(request: Request) -> dict[str, str]:
    try:
        parsed = parse_qs(request.body.decode(), max_num_fields=_MOST_FIELDS)
    except (ValueError, UnicodeDecodeError):
        raise StripeError(400, "This form cannot be read.") from None
    if any(len(values[-1]) > _LONGEST_FIELD for values in parsed.values()):
        raise StripeError(400, f"A field takes at most {_LONGEST_FIELD} characters.")
    return {name: values[-1] for name, values in parsed.items()}


def _completion(context: Context, session: Thing) -> str | None:
    """The id of the event that told of the completion just made."""
    for event in context.store.newest("event", session["id"]):
        if event["type"] == f"{checkout.KIND}.completed":
            return str(event["id"])
    return None


def _back(session: Thing) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _page(session: Thing | None, intent: Thing | None) -> Response:
    if session is None:
        return html_response(404, _document("Not found", "<p>There is no such Checkout Session.</p>"))
    if session["status"] == "complete":
        return html_response(200, _document("Done", f"<p>{_payment(session)}</p>{_link(_back(session), 'Continue')}"))
    if session["status"] == "expired":
        return html_response(410, _document("Expired", "<p>This Checkout Session has expired.</p>"))
    amount = f"<h1>{'Save a card' if session['mode'] == 'setup' else _money(session)}</h1>"
    cancel = _link(session["cancel_url"], "Cancel and go back") if session["cancel_url"] else ""
    if intent and intent["status"] == "requires_action":
        return html_response(200, _document("Confirm", amount + _CONFIRM + cancel))
    error = intent and (intent.get("last_payment_error") or intent.get("last_setup_error"))
    notice = f'<p class="error" role="alert">{escape(error["message"])}</p>' if error else ""
    return html_response(402 if error else 200, _document("Pay", amount + notice + _form(session) + cancel))


def _payment(session: Thing) -> str:
    if session["mode"] == "setup":
        return "Your card is saved. Thank you."
    if session["payment_status"] == "paid":
        return f"{_money(session)} paid. Thank you."
    return f"{_money(session)} is on its way from your bank. Thank you."


def _money(session: Thing) -> str:
    dollars, cents = divmod(session["amount_total"], 100)
    return f"${dollars:,}.{cents:02d} {escape(session['currency'].upper())}"


def _link(address: str, text: str) -> str:
    return f'<p><a href="{escape(address, quote=True)}">{text}</a></p>'


def _form(session: Thing) -> str:
    email = escape(session["customer_email"] or "", quote=True)
    return f"""
<form method="post">
<label>Email <input type="email" name="email" value="{email}" autocomplete="off" maxlength="{_LONGEST_FIELD}"></label>
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

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; background: #f5f4fa; color: #23203a; margin: 0; }
main { max-width: 24rem; margin: 10vh auto; padding: 2rem; background: #fff; border-radius: 12px;
  box-shadow: 0 8px 32px #23203a1a; }
h1 { margin: 0 0 1rem; font-size: 1.9rem; }
label { display: block; margin-bottom: 1rem; font-size: .9rem; }
input { display: block; box-sizing: border-box; width: 100%; padding: .6rem .7rem; margin-top: .25rem; font: inherit;
  border: 1px solid #8a86a3; border-radius: 6px; }
button { width: 100%; padding: .75rem; margin-bottom: .5rem; font: inherit; font-weight: 600; color: #fff;
  background: #5536c9; border: 0; border-radius: 6px; cursor: pointer; }
button.plain { color: #5536c9; background: #fff; border: 1px solid #5536c9; }
.error { color: #a3122f; background: #fdecef; padding: .6rem .8rem; border-radius: 6px; }
.badge { color: #6b6785; font-size: .8rem; }
a { color: #5536c9; } dt { font-family: ui-monospace, monospace; } dd { margin: 0 0 .4rem; color: #55516e; }
"""


def _document(title: str, content: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f'<body><main><p class="badge">Local Checkout. No real money moves here.</p>{content}</main></body></html>'
    )
