"""Each function may do what it does and no more; nobody may change what is written in the ledger or the audit log."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
CONFIG: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text())
POLICIES: dict[str, list[dict[str, Any]]] = {
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,path.stem.removeprefix("policy-"): json.loads(path.read_text())["Statement"]
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,for path in sorted((ROOT / ".chalice").glob("policy-*.json"))
}
TO_A_TABLE = re.compile(r":table/soulseer-\$\{Stage\}-([a-z]+)(/index/\*)?$")
READ_WHOLE = {"GetItem", "BatchGetItem", "Query", "Scan"}
APPEND = {"GetItem", "Query", "PutItem", "ConditionCheckItem"}


def allowed(policy: str) -> Iterator[tuple[str, str]]:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,"""Pairs of an action and what it may be done to."""
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,for statement in POLICIES[policy]:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    if statement["Effect"] == "Allow":
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,        for resource in statement["Resource"]:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,            for action in statement["Action"]:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,                yield action, resource if isinstance(resource, str) else resource["Fn::Sub"]


def allowed_on_table(policy: str, table: str) -> set[str]:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,return {
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    action.removeprefix("dynamodb:")
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    for action, resource in allowed(policy)
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    if (found := TO_A_TABLE.search(resource)) and found[1] == table
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,}


def test_every_function_has_a_policy_file_of_its_own() -> None:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,files = {name: each["iam_policy_file"] for name, each in CONFIG["lambda_functions"].items()}
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert CONFIG["autogen_policy"] is False
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert sorted(files.values()) == sorted(f"policy-{name}.json" for name in POLICIES)
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert all(file == f"policy-{name.removesuffix('_handler')}.json" for name, file in files.items())


@pytest.mark.parametrize("policy", POLICIES)
def test_no_action_is_a_wildcard(policy: str) -> None:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert not [action for action, _ in allowed(policy) if "*" in action]


@pytest.mark.parametrize("policy", POLICIES)
def test_only_traces_mail_and_phones_may_be_anywhere(policy: str) -> None:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,anywhere = {action for action, resource in allowed(policy) if resource == "*"}
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,# X-Ray and the making of platform endpoints know no resources. The account's identities are what mail may come from,
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,# whatever is named here.
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert anywhere - {"ses:SendEmail", "sns:CreatePlatformEndpoint"} == {
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "xray:PutTraceSegments",
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "xray:PutTelemetryRecords",
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,}


@pytest.mark.parametrize("policy", POLICIES)
def test_the_ledger_is_only_read_and_appended_to(policy: str) -> None:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert allowed_on_table(policy, "ledger") <= (APPEND if policy != "reconcile" else READ_WHOLE)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_audit_log_is_only_appended_to(policy: str) -> None:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert allowed_on_table(policy, "audit") <= {"PutItem"}


@pytest.mark.parametrize("policy", POLICIES)
def test_changing_the_ledger_or_the_audit_log_is_denied_whatever_else_is_allowed(policy: str) -> None:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,denied = {
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    (action, TO_A_TABLE.findall(resource["Fn::Sub"])[0][0])
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    for statement in POLICIES[policy]
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    if statement["Effect"] == "Deny"
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    for resource in statement["Resource"]
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    for action in statement["Action"]
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,}
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,changes = ("UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate", "PartiQLDelete")
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert denied == {(f"dynamodb:{action}", table) for action in changes for table in ("ledger", "audit")}


@pytest.mark.parametrize("policy", POLICIES)
def test_nobody_looks_through_a_whole_table_or_changes_a_row_in_place(policy: str) -> None:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,# Rows are written whole, on a condition; only Powertools' idempotency records are updated.
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,reached = {(action, TO_A_TABLE.search(resource)) for action, resource in allowed(policy)}
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,in_place = {found[1] for action, found in reached if found and action == "dynamodb:UpdateItem"}
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert in_place <= {"idempotency"}
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,looked_through = {found[1] for action, found in reached if found and action == "dynamodb:Scan"}
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert looked_through == ({"ledger"} if policy == "reconcile" else set())  # whose work it is


@pytest.mark.parametrize("policy", POLICIES)
def test_a_function_writes_only_its_own_log(policy: str) -> None:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,logs = {resource for action, resource in allowed(policy) if action.startswith("logs:")}
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert [each.rpartition("/")[2] for each in logs] == [f"soulseer-${{Stage}}-{policy}:*"]


def test_only_what_needs_a_secret_may_read_it() -> None:
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,readers = {
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    name: {
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,        resource.rpartition("/")[2].removesuffix("-??????")
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,        for action, resource in allowed(name)
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,        if action == "secretsmanager:GetSecretValue"
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    }
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    for name in POLICIES
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,}
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,assert readers == {
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "api": {"stripe", "agora", "agora_rest", "apple", "google", "unsubscribe"},
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "stripe_webhook": {"stripe"},
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "stripe_connect_webhook": {"stripe", "stripe_connect"},
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "reconcile": {"stripe"},
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "agora_webhook": {"agora_rest", "agora_notices"},
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "apple_webhook": {"apple"},
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "google_webhook": {"google"},
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "live_signals": {"agora_rest"},
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "billing_tick": {"stripe", "agora_rest", "apple", "google"},
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "clock": {"stripe", "agora_rest"},
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "notify": {"unsubscribe"},
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,    "mail_events": set(),
 X-Ray and the making of platform endpoints know no resources. The account.s identities are what mail may come from,}
