"""Payouts: from an account's balance, or the platform's, to its bank.

    pending ──→ paid | failed: the money is back in the balance

Asked for over the API, the bank answers after a moment as its number says. ``/_local/accounts/{id}/payout`` is Stripe's
automatic one, of all that is available, with an answer at once; the platform's own is ``/_local/payout``.
"""

from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe import accounts, balance
from infra.local.stripe.context import Context, Lever, Resource, listed, same_filter
from infra.local.stripe.errors import StripeError, invalid, missing
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = "payout"
_PLATFORM_BANK: Final = (accounts.BANK, "ba_platform")
_DAY: Final = 86_400
_FAILURES: Final = {
    "000111111113": ("account_closed", "The bank account has been closed."),
    "000111111116": ("no_account", "The bank account could not be located."),
    "000222222227": ("insufficient_funds", "The payout could not be made for want of funds."),
    "000333333335": ("debit_not_authorized", "Debit transactions are not approved on this bank account."),
}
_REFUSED: Final = ("could_not_process", "The bank could not process this payout.")


def create(context: Context, params: Params) -> Thing:
    amount, currency = params.integer("amount", 1), params.required("currency", 3).lower()
    told = {
        "description": params.text("description", 1000),
        "metadata": params.metadata(),
        "statement_descriptor": params.text("statement_descriptor", 22),
    }
    params.choice("method", ("standard",))
    params.choice("source_type", ("card",))
    params.done()
    if amount is None:
        raise missing("amount")
    if currency != "usd":
        raise invalid("currency", f"Invalid currency: {currency}. The local Stripe knows usd.")
    payout = _made(context, context.account, amount, told | {"automatic": False})
    context.schedule("payout", payout["id"], context.settle_seconds)
    return payout


def settle(context: Context, id_: str, succeeds: bool | None = None) -> Thing:
    """The bank answers, as its number says or as told; nothing happens where it did before."""
    payout = context.find(KIND, id_)
    if payout["status"] != "pending":
        return payout
    private = context.find("_payout", f"_{id_}")
    account = private["account"]
    failure = _FAILURES.get(private["number"])
    if succeeds is False:
        failure = failure or _REFUSED
    if succeeds or failure is None:
        payout |= {"status": "paid", "reconciliation_status": "completed"}
        context.store.put(payout)
        emit(context, "payout.paid", payout, account)
        return payout
    booked = balance.book(
        context,
        payout | {"description": "STRIPE PAYOUT FAILURE"},
        amount=payout["amount"],
        type_="payout_failure",
        category="payout_reversal",
        account=account,
    )
    payout |= {
        "status": "failed",
        "failure_balance_transaction": booked["id"],
        "failure_code": failure[0],
        "failure_message": failure[1],
        "reconciliation_status": "not_applicable",
    }
    context.store.put(payout)
    context.store.put(private | {"transactions": []})
    emit(context, "payout.failed", payout, account)
    return payout


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(KIND, id_, account=context.account)


def list_(context: Context, params: Params) -> Thing:
    fits = same_filter(params, "destination", "status")
    return listed(context, params, KIND, "/v1/payouts", fits, context.account)


def _made(context: Context, account: str, amount: int, told: Thing) -> Thing:
    if account and not context.find(accounts.KIND, account)["payouts_enabled"]:
        raise StripeError(400, "Payouts are not enabled for this account.", code="payouts_not_allowed", kept=True)
    available, _ = balance.sums(context, account)
    if amount > available:
        raise StripeError(
            400, "You have insufficient funds in your Stripe account.", code="balance_insufficient", kept=True
        )
    number, bank = accounts.bank_of(context, account) if account else _PLATFORM_BANK
    covered = _unpaid(context, account) if told["automatic"] else []
    payout = _object(context, amount, bank) | told
    booked = balance.book(context, payout, amount=-amount, type_="payout", category="payout", account=account)
    payout |= {"balance_transaction": booked["id"]}
    context.store.put(payout, parent=account)
    context.store.put(
        {
            "id": f"_{payout['id']}",
            "object": "_payout",
            "number": number,
            "account": account,
            "transactions": [*covered, booked["id"]],
        },
        parent=account,
    )
    emit(context, "payout.created", payout, account)
    return payout


def _unpaid(context: Context, account: str) -> list[str]:
    """What an automatic payout covers: all that is available and in no automatic payout before."""
    paid = {each for private in context.store.newest("_payout", account) for each in private["transactions"]}
    return [
        booked["id"]
        for booked in context.store.newest(balance.KIND, account)
        if booked["id"] not in paid and booked["available_on"] <= context.clock()
    ]


def _object(context: Context, amount: int, bank: str) -> Thing:
    return {
        "id": new_id("po"),
        "object": KIND,
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": context.now() // _DAY * _DAY + _DAY,
        "automatic": True,
        "balance_transaction": None,
        "created": context.now(),
        "currency": "usd",
        "description": "STRIPE PAYOUT",
        "destination": bank,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }


def _pay_out(context: Context, body: dict[str, Any], id_: str = "") -> Thing:
    """Stripe's automatic payout, and the bank's answer: as its number says, or ``outcome``."""
    outcomes = {None: None, "paid": True, "failed": False}
    succeeds = outcomes[body.get("outcome")]
    available, _ = balance.sums(context, id_)
    amount = int(body.get("amount", available))
    if amount < 1:
        raise StripeError(400, "There is nothing to pay out.")
    return settle(context, _made(context, id_, amount, {"automatic": True})["id"], succeeds)


ROUTES: Final[list[Resource]] = [
    ("POST", r"/payouts", create),
    ("GET", r"/payouts", list_),
    ("GET", r"/payouts/(?P<id_>[^/]+)", retrieve),
]
LEVERS: Final[list[Lever]] = [
    ("POST", r"/payout", _pay_out),
    ("POST", r"/accounts/(?P<id_>[^/]+)/payout", _pay_out),
]
