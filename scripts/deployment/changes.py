"""What a change set would do: rows for people, and what is refused. Values in, values out.

A table, a bucket, a secret or a queue holds what nobody can make again, and an address is what vendors and phones were
told. CloudFormation would replace one for a changed key without a word, and the stage would go on with an empty one: so
that is refused, unless it was asked for by name.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["add", "change", "replace", "may replace", "remove"]

HOLDS: Final = {
    "AWS::DynamoDB::Table": "table",
    "AWS::S3::Bucket": "bucket",
    "AWS::SecretsManager::Secret": "secret",
    "AWS::SQS::Queue": "queue",
    "AWS::Backup::BackupVault": "vault of backups",
}
"""What holds something that a new one would not have."""
ADDRESSES: Final = {"AWS::Lambda::Url": "address that a vendor knows", "AWS::ApiGateway::RestApi": "address of the API"}
"""What is found at another place once it is replaced."""
TABLE_SET: Final = "TableSet"
"""The parameter that every table has in its name: another one makes empty tables beside those before, which stay."""
_FOLLOWS: Final = frozenset({"ResourceReference", "ResourceAttribute"})
_ACTIONS: Final[Mapping[str, Kind]] = {"Add": "add", "Import": "add", "Remove": "remove", "Dynamic": "may replace"}
"""``Dynamic``: CloudFormation knows only when it does it. Of what it modifies, ``Replacement`` says more."""
_REPLACEMENT: Final[Mapping[str, Kind]] = {"True": "replace", "Conditional": "may replace"}


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one resource."""

    kind: Kind
    name: str
    """Its logical id."""
    type: str
    physical: str
    why: tuple[str, ...]
    """The properties that change, or what they hang on."""
    follows: bool = False
    """Whether it is listed only because it refers to another resource that changes: mostly nothing comes of it."""
    renewed_by: frozenset[str] = frozenset()
    """The parameters for whose sake alone another one is made; empty where something else asks for it too."""
    stays: bool = False
    """Whether what was there before stays, outside of the stack: nothing is deleted, and nothing reaches it."""

    @property
    def loses(self) -> str:
        """What kind of thing would be lost by it; empty where nothing is.

        An address refers to its function, so it "may be replaced" at every change of that, and never is.
        """
        if self.kind in ("replace", "remove"):
            return HOLDS.get(self.type) or ADDRESSES.get(self.type, "")
        return HOLDS.get(self.type, "") if self.kind == "may replace" else ""

    @property
    def is_of_a_new_set(self) -> bool:
        """Whether it is a table that stays as it is, beside an empty one of another set."""
        return self.type == "AWS::DynamoDB::Table" and self.stays and self.renewed_by == {TABLE_SET}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy that comes or goes."""

    comes: bool
    name: str
    """The logical id of the resource that holds the policy."""
    says: str


def read(described: Sequence[Mapping[str, Any]]) -> list[Change]:
    """The changes of a described change set, what is lost first, then by kind and name."""
    found = [_change(each["ResourceChange"]) for each in described if "ResourceChange" in each]
    order: list[Kind] = ["remove", "replace", "may replace", "change", "add"]
    return sorted(found, key=lambda each: (not each.loses, order.index(each.kind), each.type, each.name))


def _change(told: Mapping[str, Any]) -> Change:
    kind = _ACTIONS.get(told["Action"]) or _REPLACEMENT.get(told.get("Replacement", ""), "change")
    return Change(
        kind,
        told["LogicalResourceId"],
        told["ResourceType"],
        told.get("PhysicalResourceId", ""),
        tuple(dict.fromkeys(_why(told))) if kind != "add" else (),
        follows=bool(told.get("Details")) and all(each.get("ChangeSource") in _FOLLOWS for each in told["Details"]),
        renewed_by=_renewed_by(told.get("Details", ())),
        stays=told.get("PolicyAction", "").endswith("Retain"),
    )


def _renewed_by(details: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """A property that refers to a parameter is told twice: by that, and as one that may have changed by itself."""
    renewing = [each for each in details if each.get("Target", {}).get("RequiresRecreation", "Never") != "Never"]
    told = {each["Target"].get("Name", "") for each in renewing}
    by_parameter = {
        each["Target"].get("Name", ""): each.get("CausingEntity", "")
        for each in renewing
        if each.get("ChangeSource") == "ParameterReference" and each.get("Evaluation") == "Static"
    }
    return frozenset(by_parameter.values()) if told == by_parameter.keys() else frozenset()


def _why(told: Mapping[str, Any]) -> Iterator[str]:
    for each in told.get("Details", ()):
        target = each.get("Target", {})
        yield target.get("Name") or each.get("CausingEntity") or target.get("Attribute", "")
    if not told.get("Details"):
        yield from told.get("Scope", ())


def refused(changes: Sequence[Change], allowed: Collection[str], *, new_set: bool = False) -> list[Change]:
    """Those that would lose something, and were not allowed by name.

    ``new_set``: tables of another set may come in the place of those before, which stay: nobody writes meanwhile.
    """
    losing = [each for each in changes if each.loses and each.name not in allowed]
    return [each for each in losing if not (new_set and each.is_of_a_new_set)]


def rights(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Statement]:
    """The statements that come and go between two templates: who may do what, from now on."""
    was, will = _statements(before), _statements(after)
    gone = [Statement(False, *each) for each in sorted(was - will)]
    come = [Statement(True, *each) for each in sorted(will - was)]
    return sorted([*gone, *come], key=lambda each: (each.name, each.comes))


def _statements(template: Mapping[str, Any]) -> set[tuple[str, str]]:
    found = set()
    for name, resource in template.get("Resources", {}).items():
        if resource.get("Type") == "AWS::Lambda::Permission":
            found.add((name, _line(resource["Properties"])))
        else:
            found |= {(name, _line(each)) for each in _held(resource.get("Properties", {}))}
    return found


def _held(value: object) -> Iterator[Mapping[str, Any]]:
    """Every statement below ``value``, whichever property it is in."""
    if isinstance(value, Mapping):
        statements = value.get("Statement")
        if isinstance(statements, list):
            yield from (each for each in statements if isinstance(each, Mapping) and "Effect" in each)
        for each in value.values():
            yield from _held(each)
    elif isinstance(value, list):
        for each in value:
            yield from _held(each)


def _line(statement: Mapping[str, Any]) -> str:
    return json.dumps(statement, sort_keys=True, separators=(", ", ": "))


def parameters(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """The parameters that change: name, value before, value after."""
    names = sorted(before.keys() | after.keys())
    return [(name, before.get(name, ""), after.get(name, "")) for name in names if before.get(name) != after.get(name)]
