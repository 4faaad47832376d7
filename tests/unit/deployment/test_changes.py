"""What a change set would do, and what of it is refused."""

from typing import Any

import pytest

from scripts.deployment.changes import Change, parameters, read, refused, rights


def told(action: str, kind: str, name: str = "It", **more: Any) -> dict[str, Any]:
    return {"ResourceChange": {"Action": action, "ResourceType": kind, "LogicalResourceId": name, **more}}


@pytest.mark.parametrize(
    "kind", ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::SQS::Queue"]
)
@pytest.mark.parametrize(
    "change",
    [
        ("Remove", {}),
        ("Modify", {"Replacement": "True"}),
        ("Modify", {"Replacement": "Conditional"}),
        ("Dynamic", {}),
    ],
)
def test_what_holds_something_is_not_replaced_or_removed_unless_it_is_named(
    kind: str, change: tuple[str, dict[str, str]]
) -> None:
    found = read([told(change[0], kind, "Ledger", **change[1])])
    assert [each.name for each in refused(found, ())] == ["Ledger"]
    assert [each.name for each in refused(found, ["Wallet"])] == ["Ledger"]
    assert refused(found, ["Ledger"]) == []


def test_what_holds_something_may_be_made_and_changed_in_place() -> None:
    table = "AWS::DynamoDB::Table"
    assert refused(read([told("Add", table), told("Modify", table, Replacement="False")]), ()) == []


def test_an_address_that_was_given_out_is_not_lost_but_may_follow_its_function() -> None:
    url = "AWS::Lambda::Url"
    assert refused(read([told("Modify", url, Replacement="Conditional")]), ()) == []
    assert refused(read([told("Modify", url, Replacement="True")]), ())[0].loses == "address that a vendor knows"
    assert refused(read([told("Remove", "AWS::ApiGateway::RestApi")]), ())


def renewed(kind: str, *causes: tuple[str, str], stays: bool = True) -> dict[str, Any]:
    """A change that makes another one, for each property's sake by what it refers to; as CloudFormation tells both."""
    details = []
    for name, parameter in causes:
        target = {"Attribute": "Properties", "Name": name, "RequiresRecreation": "Always"}
        details.append({"Target": target, "Evaluation": "Dynamic", "ChangeSource": "DirectModification"})
        if parameter:
            by = {"ChangeSource": "ParameterReference", "CausingEntity": parameter}
            details.append({"Target": target, "Evaluation": "Static", **by})
    action = "ReplaceAndRetain" if stays else "ReplaceAndDelete"
    return told("Modify", kind, Replacement="True", Details=details, PolicyAction=action)


def test_only_a_table_that_another_set_leaves_as_it_is_may_be_replaced_by_one_of_that_set() -> None:
    table, set_of = "AWS::DynamoDB::Table", ("TableName", "TableSet")
    new = read([renewed(table, set_of)])
    assert refused(new, (), new_set=True) == []
    assert refused(new, ())
    for other in (
        renewed(table, set_of, ("KeySchema", "")),
        renewed(table, set_of, ("KeySchema", "Other")),
        renewed(table, ("TableName", "Other")),
        renewed(table, set_of, stays=False),
        renewed("AWS::S3::Bucket", set_of),
        told("Remove", table, PolicyAction="Retain"),
        told("Modify", table, Replacement="True", PolicyAction="ReplaceAndRetain"),
    ):
        assert refused(read([other]), (), new_set=True), other


def test_what_can_be_made_again_may_go() -> None:
    assert refused(read([told("Remove", "AWS::Lambda::Function"), told("Remove", "AWS::CloudWatch::Alarm")]), ()) == []


def test_what_would_be_lost_is_listed_first_then_what_goes() -> None:
    found = read(
        [
            told("Add", "AWS::Lambda::Function", "New"),
            told("Modify", "AWS::Lambda::Function", "Changed", Replacement="False"),
            told("Remove", "AWS::Lambda::Function", "Gone"),
            told("Modify", "AWS::DynamoDB::Table", "Lost", Replacement="True"),
        ]
    )
    assert [(each.name, each.kind) for each in found] == [
        ("Lost", "replace"),
        ("Gone", "remove"),
        ("Changed", "change"),
        ("New", "add"),
    ]


def test_a_change_says_which_properties_and_whether_it_only_follows() -> None:
    of_itself = {"Target": {"Attribute": "Properties", "Name": "Code"}, "ChangeSource": "DirectModification"}
    by_another = {"Target": {"Attribute": "Properties", "Name": "Targets"}, "ChangeSource": "ResourceAttribute"}
    kind = "AWS::Lambda::Function"
    (one,) = read([told("Modify", kind, Replacement="False", Details=[of_itself, by_another, of_itself])])
    assert one == Change("change", "It", kind, "", ("Code", "Targets"), follows=False)
    (other,) = read([told("Modify", kind, Replacement="Conditional", Details=[by_another])])
    assert other.follows


def _template(*statements: dict[str, Any], kind: str = "AWS::IAM::Role") -> dict[str, Any]:
    policy = {"PolicyName": "it", "PolicyDocument": {"Statement": list(statements)}}
    return {"Resources": {"Role": {"Type": kind, "Properties": {"Policies": [policy]}}}}


def test_rights_that_come_and_go_are_told_and_those_that_stay_are_not() -> None:
    read_it, write_it = ({"Effect": "Allow", "Action": f"s3:{verb}Object", "Resource": "*"} for verb in ("Get", "Put"))
    found = rights(_template(read_it), _template(read_it, write_it))
    assert [(each.comes, each.name) for each in found] == [(True, "Role")]
    assert "s3:PutObject" in found[0].says
    assert [each.comes for each in rights(_template(read_it, write_it), _template(write_it))] == [False]
    assert [each.comes for each in rights(_template(read_it), {"Resources": {}})] == [False]


def test_who_may_call_a_function_is_a_right_too() -> None:
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {"Principal": "*", "Action": "lambda:InvokeFunction"},
    }
    (found,) = rights({}, {"Resources": {"Open": permission}})
    assert (found.comes, found.name) == (True, "Open")
    assert '"Principal": "*"' in found.says


def test_parameters_that_change_are_told_with_what_they_were() -> None:
    before, after = {"A": "1", "B": "2", "Gone": "3"}, {"A": "1", "B": "4", "New": "5"}
    assert parameters(before, after) == [("B", "2", "4"), ("Gone", "3", ""), ("New", "", "5")]
