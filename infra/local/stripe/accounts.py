"""Connected accounts (Express): made by the platform, completed by their owners on a page of Stripe's.

A new one can do nothing and says what is due. Once its owner gave all of it, ``details_submitted``,
``charges_enabled`` and ``payouts_enabled`` are true and its capabilities active; who leaves half way finds the rest
still due. Each change is an ``account.updated`` of that account.
"""

from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe import methods
from infra.local.stripe.context import Context, Lever, Resource, created_filter, listed
from infra.local.stripe.errors import StripeError, invalid, lost_account, missing
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = "account"
BANK: Final = "000123456789"
"""Stripe's test account at a bank that takes every payout."""
LINK: Final = "_link"
_LINK_SECONDS: Final = 300
_CAPABILITIES: Final = ("card_payments", "transfers")
_NAMES: Final = ("individual.first_name", "individual.last_name")
_TYPED: Final = ("external_account", *_NAMES)
_DUE: Final = (*_TYPED, "tos_acceptance.date", "tos_acceptance.ip")
_PROFILE: Final = ("mcc", "name", "product_description", "url", "support_email", "support_phone", "support_url")
_INTERVALS: Final = ("manual", "daily", "weekly", "monthly")
_MOST_DUE: Final = 20


def create(context: Context, params: Params) -> Thing:
    kind = params.choice("type", ("express",))
    if kind is None:
        raise missing("type")
    country = (params.text("country", 2) or "US").upper()
    if country != "US":
        raise invalid("country", f"{country} is not supported here: the local Stripe knows US.")
    params.choice("default_currency", ("usd",))
    account = _changed(_object(context), params) | {"metadata": params.metadata()}
    params.done()
    account["capabilities"] = account["capabilities"] or dict.fromkeys(_CAPABILITIES, "inactive")
    return context.store.put(account)


def update(context: Context, params: Params, id_: str) -> Thing:
    account = context.find(KIND, id_)
    account = _changed(account, params) | {"metadata": account["metadata"] | params.metadata()}
    params.done()
    return _updated(context, _enabled(account))


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    if context.store.get(KIND, id_) is None:
        raise lost_account(id_)
    return context.find(KIND, id_)


def list_(context: Context, params: Params) -> Thing:
    return listed(context, params, KIND, "/v1/accounts", created_filter(params))


def link(context: Context, params: Params) -> Thing:
    """A way to the onboarding page, for five minutes and one visit."""
    account = context.find(KIND, params.required("account"), "account")
    kind = params.required("type")
    if kind != "account_onboarding":
        raise invalid("type", "Express accounts take links of type account_onboarding only.")
    back, again = params.required("return_url"), params.required("refresh_url")
    if options := params.inner("collection_options"):
        options.choice("fields", ("currently_due", "eventually_due"))
        options.choice("future_requirements", ("include", "omit"))
    params.done()
    for name, address in (("return_url", back), ("refresh_url", again)):
        if not address.startswith(("http://", "https://")):
            raise invalid(name, "Not a valid URL", "url_invalid")
    token, expires_at = new_id(account["id"]), context.now() + _LINK_SECONDS
    context.store.put(
        {
            "id": f"{LINK}_{token}",
            "object": LINK,
            "account": account["id"],
            "return_url": back,
            "refresh_url": again,
            "expires_at": expires_at,
            "state": "new",
        }
    )
    url = f"{context.url}/setup/s/{token}"
    return {"object": "account_link", "created": context.now(), "expires_at": expires_at, "url": url}


def login_link(context: Context, params: Params, id_: str) -> Thing:
    """A way to the account's own pages."""
    params.done()
    account = context.find(KIND, id_)
    if not account["details_submitted"]:
        raise StripeError(400, "Cannot create a login link for an account that has not completed onboarding.")
    token = new_id(id_)
    context.store.put({"id": f"{LINK}_{token}", "object": LINK, "account": id_, "state": "login"})
    return {"object": "login_link", "created": context.now(), "url": f"{context.url}/express/{token}"}


def fill_in(context: Context, id_: str, first_name: str, last_name: str, bank: str, *, submit: bool) -> Thing:
    """What the owner gave on the page. ``submit`` where they finished: raises StripeError where something lacks."""
    account = context.find(KIND, id_)
    due = list(account["requirements"]["currently_due"])
    for name, given in zip(_NAMES, (first_name, last_name), strict=True):
        if given and name in due:
            due.remove(name)
    if bank and not bank.isdecimal():
        raise invalid("bank", "A bank account number has digits only.")
    if bank and "external_account" in due:
        due.remove("external_account")
        _add_bank(context, account, bank, f"{first_name} {last_name}".strip())
    if submit:
        # What Stripe wanted besides is taken as given.
        due = [each for each in due if each in _TYPED]
        if due:
            raise StripeError(400, f"Still due: {', '.join(due)}.")
        account |= {"details_submitted": True, "tos_acceptance": {"date": context.now()}}
    return _updated(context, _requiring(account, due))


def bank_of(context: Context, id_: str) -> tuple[str, str]:
    """The number of the account's bank account and its ``ba_`` id. Raises StripeError where it has none."""
    found = context.store.get("_bank", f"_bank_{id_}")
    if found is None:
        raise StripeError(400, "This account has no external account to pay out to.")
    return found["number"], found["bank_account"]


def _changed(account: Thing, params: Params) -> Thing:
    """With what create and update have in common."""
    if (email := params.text("email", 800)) is not None:
        account |= {"email": email}
    if (kind := params.choice("business_type", ("individual", "company"))) is not None:
        account |= {"business_type": kind}
    if profile := params.inner("business_profile"):
        given = {name: text for name in _PROFILE if (text := profile.text(name)) is not None}
        account["business_profile"] |= given
    if capabilities := params.inner("capabilities"):
        for name in _CAPABILITIES:
            if (wanted := capabilities.inner(name)) and wanted.flag("requested"):
                account["capabilities"].setdefault(name, "inactive")
    if (settings := params.inner("settings")) and (payouts := settings.inner("payouts")):
        _change_payouts(account["settings"]["payouts"], payouts)
    return account


def _change_payouts(payouts: Thing, params: Params) -> None:
    if (debit := params.flag("debit_negative_balances")) is not None:
        payouts["debit_negative_balances"] = debit
    if (descriptor := params.text("statement_descriptor", 22)) is not None:
        payouts["statement_descriptor"] = descriptor
    if schedule := params.inner("schedule"):
        days = schedule.text("delay_days")
        given: Thing = {
            "interval": schedule.choice("interval", _INTERVALS),
            "delay_days": int(days) if days and days.isdecimal() else None,
            "weekly_anchor": schedule.text("weekly_anchor"),
            "monthly_anchor": schedule.integer("monthly_anchor", 1, 31),
        }
        payouts["schedule"] |= {name: value for name, value in given.items() if value is not None}


def _requiring(account: Thing, due: list[str]) -> Thing:
    reason = ("requirements.past_due" if due else None) if account["details_submitted"] else "requirements.past_due"
    lists = {name: list(due) for name in ("currently_due", "eventually_due", "past_due")}
    account |= {"requirements": account["requirements"] | lists | {"disabled_reason": reason}}
    return _enabled(account)


def _enabled(account: Thing) -> Thing:
    """What the account may do follows from what is due."""
    able = account["details_submitted"] and not account["requirements"]["currently_due"]
    state = "active" if able else "inactive"
    return account | {
        "capabilities": dict.fromkeys(account["capabilities"], state),
        "charges_enabled": able,
        "payouts_enabled": able,
    }


def _updated(context: Context, account: Thing) -> Thing:
    context.store.put(account)
    emit(context, "account.updated", account, account["id"])
    return account


def _add_bank(context: Context, account: Thing, number: str, holder: str) -> None:
    bank = _bank_account(account["id"], number, holder)
    context.store.put(bank, parent=account["id"])
    context.store.put({"id": f"_bank_{account['id']}", "object": "_bank", "number": number, "bank_account": bank["id"]})
    account["external_accounts"]["data"] = [bank]
    emit(context, "account.external_account.created", bank, account["id"])


def _onboard(context: Context, body: dict[str, Any], id_: str) -> Thing:
    """As if the owner had been on the page."""
    return fill_in(context, id_, "Ada", "Local", str(body.get("bank", BANK)), submit=True)


def _require(context: Context, body: dict[str, Any], id_: str) -> Thing:
    """Stripe wants to know more, or nothing more."""
    due = [str(each) for each in body["currently_due"]][:_MOST_DUE]
    return _updated(context, _requiring(context.find(KIND, id_), due))


def _bank_account(account: str, number: str, holder: str) -> Thing:
    return {
        "id": new_id("ba"),
        "object": "bank_account",
        "account": account,
        "account_holder_name": holder or None,
        "account_holder_type": "individual",
        "account_type": None,
        "available_payout_methods": ["standard"],
        "bank_name": methods.BANK,
        "country": "US",
        "currency": "usd",
        "default_for_currency": True,
        "fingerprint": f"localbank{number[-4:]}",
        "last4": number[-4:],
        "metadata": {},
        "routing_number": "110000000",
        "status": "new",
    }


def _object(context: Context) -> Thing:
    id_ = new_id("acct")
    nothing: Thing = {"alternatives": [], "current_deadline": None, "disabled_reason": None, "errors": []}
    lists: Thing = {name: [] for name in ("currently_due", "eventually_due", "past_due", "pending_verification")}
    due = {name: list(_DUE) for name in ("currently_due", "eventually_due", "past_due")}
    return {
        "id": id_,
        "object": KIND,
        "business_profile": dict.fromkeys((*_PROFILE, "annual_revenue", "estimated_worker_count", "support_address")),
        "business_type": None,
        "capabilities": {},
        "charges_enabled": False,
        "controller": {"type": "application"},
        "country": "US",
        "created": context.now(),
        "default_currency": "usd",
        "details_submitted": False,
        "email": None,
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/accounts/{id_}/external_accounts",
        },
        "future_requirements": nothing | lists,
        "metadata": {},
        "payouts_enabled": False,
        "requirements": nothing | lists | due | {"disabled_reason": "requirements.past_due"},
        "settings": _settings(),
        "tos_acceptance": {"date": None},
        "type": "express",
    }


def _settings() -> Thing:
    prefixes = ("statement_descriptor_prefix", "statement_descriptor_prefix_kana", "statement_descriptor_prefix_kanji")
    descriptors = ("statement_descriptor", "statement_descriptor_kana", "statement_descriptor_kanji")
    return {
        "bacs_debit_payments": {"display_name": None, "service_user_number": None},
        "branding": dict.fromkeys(("icon", "logo", "primary_color", "secondary_color")),
        "card_issuing": {"tos_acceptance": {"date": None, "ip": None}},
        "card_payments": dict.fromkeys(prefixes) | {"decline_on": {"avs_failure": True, "cvc_failure": True}},
        "dashboard": {"display_name": None, "timezone": "Etc/UTC"},
        "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": None},
        "payments": dict.fromkeys((*descriptors, *prefixes[1:])),
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
    }


ROUTES: Final[list[Resource]] = [
    ("POST", r"/accounts", create),
    ("GET", r"/accounts", list_),
    ("GET", r"/accounts/(?P<id_>[^/]+)", retrieve),
    ("POST", r"/accounts/(?P<id_>[^/]+)", update),
    ("POST", r"/accounts/(?P<id_>[^/]+)/login_links", login_link),
    ("POST", r"/account_links", link),
]
LEVERS: Final[list[Lever]] = [
    ("POST", r"/accounts/(?P<id_>[^/]+)/onboard", _onboard),
    ("POST", r"/accounts/(?P<id_>[^/]+)/require", _require),
]
