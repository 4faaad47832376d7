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
    path.stem.removeprefix("policy-"): json.loads(path.read_text())["Statement"]
    for path in sorted((ROOT / ".chalice").glob("policy-*.json"))
}
TO_A_TABLE = re.compile(r":table/soulseer-\$\{Stage\}-([a-z]+)\$\{TableSet\}(/index/\*)?$")
KNOWING_PHONES = {"sns:CreatePlatformEndpoint", "sns:SetEndpointAttributes", "sns:DeleteEndpoint"}
READ_WHOLE = {"GetItem", "BatchGetItem", "Query", "Scan"}
APPEND = {"GetItem", "Query", "PutItem", "ConditionCheckItem"}


def allowed(policy: str) -> Iterator[tuple[str, str]]:
    """Pairs of an action and what it may be done to."""
    for statement in POLICIES[policy]:
        if statement["Effect"] == "Allow":
            for resource in statement["Resource"]:
                for action in statement["Action"]:
                    yield action, resource if isinstance(resource, str) else resource["Fn::Sub"]


def allowed_on_table(policy: str, table: str) -> set[str]:
    return {
        action.removeprefix("dynamodb:")
        for action, resource in allowed(policy)
        if (found := TO_A_TABLE.search(resource)) and found[1] == table
    }


def test_every_function_has_a_policy_file_of_its_own() -> None:
    files = {name: each["iam_policy_file"] for name, each in CONFIG["lambda_functions"].items()}
    assert CONFIG["autogen_policy"] is False
    assert sorted(files.values()) == sorted(f"policy-{name}.json" for name in POLICIES)
    assert all(file == f"policy-{name.removesuffix('_handler')}.json" for name, file in files.items())


@pytest.mark.parametrize("policy", POLICIES)
def test_no_action_is_a_wildcard(policy: str) -> None:
    assert not [action for action, _ in allowed(policy) if "*" in action]


@pytest.mark.parametrize("policy", POLICIES)
def test_only_traces_mail_and_phones_may_be_anywhere(policy: str) -> None:
    anywhere = {action for action, resource in allowed(policy) if resource == "*"}
    # X-Ray and what is known of phones know no resources. The account's identities are what mail may come from,
    # whatever is named here.
    assert anywhere - {"ses:SendEmail"} - KNOWING_PHONES == {
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    }


@pytest.mark.parametrize("policy", POLICIES)
def test_the_ledger_is_only_read_and_appended_to(policy: str) -> None:
    most = {"reconcile": READ_WHOLE, "rollup": {"Query", "BatchGetItem"}}.get(policy, APPEND)
    assert allowed_on_table(policy, "ledger") <= most


@pytest.mark.parametrize("policy", POLICIES)
def test_the_audit_log_is_only_appended_to(policy: str) -> None:
    assert allowed_on_table(policy, "audit") <= {"PutItem"}


@pytest.mark.parametrize("policy", POLICIES)
def test_changing_the_ledger_or_the_audit_log_is_denied_whatever_else_is_allowed(policy: str) -> None:
    denied = {
        (action, TO_A_TABLE.findall(resource["Fn::Sub"])[0][0])
        for statement in POLICIES[policy]
        if statement["Effect"] == "Deny"
        for resource in statement["Resource"]
        for action in statement["Action"]
    }
    changes = ("UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate", "PartiQLDelete")
    assert denied == {(f"dynamodb:{action}", table) for action in changes for table in ("ledger", "audit")}


@pytest.mark.parametrize("policy", POLICIES)
def test_nobody_looks_through_a_whole_table_or_changes_a_row_in_place(policy: str) -> None:
    # Rows are written whole, on a condition; only Powertools' idempotency records are updated.
    reached = {(action, TO_A_TABLE.search(resource)) for action, resource in allowed(policy)}
    in_place = {found[1] for action, found in reached if found and action == "dynamodb:UpdateItem"}
    assert in_place <= {"idempotency"}
    looked_through = {found[1] for action, found in reached if found and action == "dynamodb:Scan"}
    assert looked_through == ({"ledger"} if policy == "reconcile" else set())  # whose work it is


@pytest.mark.parametrize("policy", POLICIES)
def test_a_function_writes_only_its_own_log(policy: str) -> None:
    logs = {resource for action, resource in allowed(policy) if action.startswith("logs:")}
    assert [each.rpartition("/")[2] for each in logs] == [f"soulseer-${{Stage}}-{policy}:*"]


def test_only_what_needs_a_secret_may_read_it() -> None:
    readers = {
        name: {
            resource.rpartition("/")[2].removesuffix("-??????")
            for action, resource in allowed(name)
            if action == "secretsmanager:GetSecretValue"
        }
        for name in POLICIES
    }
    assert readers == {
        "api": {"stripe", "agora", "agora_rest", "apple", "google", "unsubscribe"},
        "stripe_webhook": {"stripe"},
        "stripe_connect_webhook": {"stripe", "stripe_connect"},
        "reconcile": {"stripe"},
        "agora_webhook": {"agora_rest", "agora_notices"},
        "apple_webhook": {"apple"},
        "google_webhook": {"google"},
        "live_signals": {"agora_rest"},
        "billing_tick": {"stripe", "agora_rest", "apple", "google"},
        "clock": {"stripe", "agora_rest"},
        "notify": {"unsubscribe"},
        "mail_events": set(),
        "sync_catalogue": {"stripe"},
        "rollup": set(),
    }
