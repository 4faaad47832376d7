"""The pages of a connected account's owner.

    GET  /setup/s/{token}      the onboarding page, once; after that, or too late, 303 to the link's refresh_url
    POST /setup/s/{token}      first_name=…&last_name=…&bank=000123456789&action=submit|later   303 to return_url
    GET  /express/{token}      what the account has, and what was paid out

As at Stripe, coming back says nothing about whether all was given: the account does.
"""

from html import escape
from typing import Final

from infra.local.store import Thing
from infra.local.stripe import accounts, balance
from infra.local.stripe.context import Context
from infra.local.stripe.errors import StripeError
from infra.local.stripe.sheet import LONGEST_FIELD, document, fields, money
from infra.local.web import Request, Response, Route, html_response

_FORM_SECONDS: Final = 3_600
"""How long after its link's end an opened page can still be sent."""
_MOST_PAYOUTS: Final = 20


def routes(context: Context) -> list[Route]:
    def show(_: Request, token: str) -> Response:
        with context.store.transaction():
            link = _link(context, token)
            if link is None:
                return _page(404, "Not found", "<p>There is no such link.</p>")
            if link["state"] != "new" or link["expires_at"] <= context.clock():
                return _to(link["refresh_url"])
            context.store.put(link | {"state": "opened"})
            return _page(200, "Your account", _form(context.find(accounts.KIND, link["account"])))

    def submit(request: Request, token: str) -> Response:
        link = None
        try:
            given = fields(request)
            with context.store.transaction():
                link = _link(context, token)
                if link is None:
                    return _page(404, "Not found", "<p>There is no such link.</p>")
                late = _FORM_SECONDS if link["state"] == "opened" else 0
                if link["state"] == "left" or link["expires_at"] + late <= context.clock():
                    return _to(link["refresh_url"])
                _fill_in(context, link["account"], given)
                context.store.put(link | {"state": "left"})
        except StripeError as refusal:
            account = context.store.get(accounts.KIND, link["account"]) if link else None
            notice = f'<p class="error" role="alert">{escape(str(refusal))}</p>'
            return _page(refusal.status, "Your account", notice + (_form(account) if account else ""))
        return _to(link["return_url"])

    def dashboard(_: Request, token: str) -> Response:
        with context.store.transaction():
            link = context.store.get(accounts.LINK, f"{accounts.LINK}_{token}")
            if link is None or link["state"] != "login":
                return _page(404, "Not found", "<p>There is no such link.</p>")
            return _page(200, "Your account", _overview(context, link["account"]))

    return [
        ("GET", r"/setup/s/(?P<token>[^/]+)", show),
        ("POST", r"/setup/s/(?P<token>[^/]+)", submit),
        ("GET", r"/express/(?P<token>[^/]+)", dashboard),
    ]


def _link(context: Context, token: str) -> Thing | None:
    link = context.store.get(accounts.LINK, f"{accounts.LINK}_{token}")
    return link if link and link["state"] != "login" else None


def _fill_in(context: Context, account: str, given: dict[str, str]) -> None:
    accounts.fill_in(
        context,
        account,
        given.get("first_name", "").strip(),
        given.get("last_name", "").strip(),
        given.get("bank", "").replace(" ", ""),
        submit=given.get("action", "submit") == "submit",
    )


def _overview(context: Context, account: str) -> str:
    available, pending = balance.sums(context, account)
    payouts = [payout for payout, _ in zip(context.store.newest("payout", account), range(_MOST_PAYOUTS), strict=False)]
    rows = "".join(f"<dt>{money(each['amount'])}</dt><dd>{escape(each['status'])}</dd>" for each in payouts)
    return f"<h1>{money(available)}</h1><p>and {money(pending)} on its way</p><h2>Payouts</h2><dl>{rows}</dl>"


def _form(account: Thing) -> str:
    due = account["requirements"]["currently_due"]
    if not due:
        return '<p>Nothing more is needed.</p><form method="post"><button>Back</button></form>'
    inputs = "".join(
        f'<label>{label} <input name="{name}" value="{value}" maxlength="{LONGEST_FIELD}" autocomplete="off"></label>'
        for requirement, name, label, value in _INPUTS
        if requirement in due
    )
    others = [each for each in due if each not in _ASKED]
    more = f"<p>Stripe asks also for: {escape(', '.join(others))}. Here it takes that as given.</p>" if others else ""
    return f"""
<h1>Get paid</h1>{more}
<form method="post">{inputs}
<button name="action" value="submit">Agree and submit</button>
<button name="action" value="later" class="plain">Finish later</button>
</form>
<details><summary>Test bank accounts</summary><dl>
<dt>000 123 456 789</dt><dd>takes payouts</dd>
<dt>000 111 111 116</dt><dd>payouts to it fail: there is no such account</dd>
<dt>000 111 111 113</dt><dd>payouts to it fail: it is closed</dd>
</dl></details>"""


def _page(status: int, title: str, content: str) -> Response:
    return html_response(status, document(title, content, "Stripe Express"))


def _to(address: str) -> Response:
    return Response(303, headers={"location": address, "cache-control": "no-store"})


_INPUTS: Final = (
    ("individual.first_name", "first_name", "First name", ""),
    ("individual.last_name", "last_name", "Last name", ""),
    ("external_account", "bank", "Bank account", accounts.BANK),
)
_ASKED: Final = {*(requirement for requirement, *_ in _INPUTS), "tos_acceptance.date", "tos_acceptance.ip"}
