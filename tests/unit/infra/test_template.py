"""The packaged template: what CloudFormation is given."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file  # type: ignore[import-untyped] # it ships no types
from cfnlint.config import ManualArgs  # type: ignore[import-untyped] # the same

from chalicelib.kernel.settings import settings_from
from scripts.deployment.before import CALLS_BACK, CANARY_CALLS_BACK
from scripts.lint_template import accepted
from tests.unit.infra.made import Package

pytestmark = pytest.mark.package
ROOT = Path(__file__).resolve().parents[3]


def test_every_stage_is_packaged_for_itself(stages: dict[str, Package]) -> None:
    for stage, made in stages.items():
        assert made.template["Parameters"]["Stage"]["AllowedValues"] == [stage]
        assert made.resources["RestAPI"]["Properties"]["StageName"] == stage


def test_prod_passes_the_linter(stages: dict[str, Package]) -> None:
    found = lint_file(stages["prod"].folder / "sam.yaml", config=ManualArgs(regions=["us-east-1"]))
    explained = {each.check for each in accepted()}
    assert [str(each) for each in found if each.rule.id not in explained] == []


@pytest.mark.parametrize("stage", ["dev", "staging"])
def test_the_other_stages_are_prod_by_another_name_but_for_memory_and_so_pass_too(
    stage: str, stages: dict[str, Package]
) -> None:
    def bare(name: str) -> str:
        text = (stages[name].folder / "sam.yaml").read_text()
        for each in stages:
            text = text.replace(each, "stage")
        return re.sub(r"\bMemorySize: \d+\n", "MemorySize: some\n", text)

    assert bare(stage) == bare("prod")
    sizes = {each["MemorySize"] for each in stages[stage].functions.values()}
    assert min(sizes) >= 128
    assert max(sizes) <= 10_240  # what Lambda takes


def test_the_functions_are_those_of_the_configuration(packaged: Package) -> None:
    configured = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
    assert packaged.functions.keys() == {name.removesuffix("_handler") for name in configured}


def test_every_function_runs_under_a_role_with_its_own_policy(packaged: Package) -> None:
    for name, function in packaged.functions.items():
        role = packaged.resources[function["Role"]["Fn::GetAtt"][0]]["Properties"]
        written = json.loads((ROOT / ".chalice" / f"policy-{name}.json").read_text())
        assert [each["PolicyDocument"] for each in role["Policies"]] == [written]
    assert len({str(function["Role"]) for function in packaged.functions.values()}) == len(packaged.functions)


def test_the_environment_holds_all_that_the_settings_ask_for(packaged: Package) -> None:
    variables = packaged.template["Globals"]["Function"]["Environment"]["Variables"]
    settings = settings_from(dict.fromkeys(variables, "1"))
    assert settings.stage == "1"
    # An empty optional value is the product's own, as if the variable were absent.
    parameters = packaged.template["Parameters"]
    empty = {
        name: ""
        for name, value in variables.items()
        if "Ref" in value and parameters.get(value["Ref"], {}).get("Default") == ""
    }
    needed = {name: "1" for name in variables if name not in empty}
    assert settings_from(needed | empty) == settings_from(needed)


def test_every_function_has_a_log_of_its_own_that_does_not_grow_for_ever(packaged: Package) -> None:
    logs = packaged.of_type("AWS::Logs::LogGroup")
    for name, function in packaged.functions.items():
        log = logs[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert log["LogGroupName"]["Fn::Sub"] == f"/aws/lambda/soulseer-${{Stage}}-{name}"
    assert all("RetentionInDays" in log for log in logs.values())


def test_every_error_that_a_function_logs_is_counted(packaged: Package) -> None:
    watched = {each["LogGroupName"]["Ref"] for each in packaged.of_type("AWS::Logs::MetricFilter").values()}
    assert watched == {function["LoggingConfig"]["LogGroup"]["Ref"] for function in packaged.functions.values()}


def test_a_request_is_answered_before_the_gateway_gives_up(packaged: Package) -> None:
    assert packaged.functions["api"]["Timeout"] <= 29


def test_ticks_do_not_pile_up(packaged: Package) -> None:
    assert packaged.functions["billing_tick"]["Timeout"] < 60
    asynchronous = packaged.of_type("AWS::Lambda::EventInvokeConfig")["BillingTickAsync"]
    assert asynchronous["MaximumRetryAttempts"] == 0
    assert asynchronous["MaximumEventAgeInSeconds"] == 60
    ((event,),) = (packaged.functions["billing_tick"]["Events"].values(),)
    assert event["Properties"]["Schedule"] == "rate(1 minute)"
    assert event["Properties"]["DeadLetterConfig"]


def test_every_table_is_kept_backed_up_and_paid_by_use(packaged: Package) -> None:
    for name, table in tables(packaged).items():
        properties = table["Properties"]
        assert table["DeletionPolicy"] == "RetainExceptOnCreate", name
        assert table["UpdateReplacePolicy"] == "Retain", name
        assert properties["BillingMode"] == "PAY_PER_REQUEST", name
        assert properties["DeletionProtectionEnabled"] == {"Fn::If": ["IsProd", True, False]}, name
        # The hashes of addresses must not outlive the key of their day.
        recovery = {"PointInTimeRecoveryEnabled": name != "LimitsTable"}
        assert properties["PointInTimeRecoverySpecification"] == recovery, name
        assert properties["SSESpecification"] == {"SSEEnabled": True}, name


def test_a_set_of_tables_is_one_parameter_away_and_shares_no_name_with_another(packaged: Package) -> None:
    """Empty tables to restore into, wired like those before, which stay."""
    names = [table["Properties"]["TableName"]["Fn::Sub"] for table in tables(packaged).values()]
    assert [name for name in names if not name.endswith("${TableSet}")] == []
    assert packaged.template["Parameters"]["TableSet"]["Default"] == ""


def test_no_entry_of_the_ledger_expires_and_each_change_is_seen(packaged: Package) -> None:
    ledger = packaged.resources["LedgerTable"]["Properties"]
    assert "TimeToLiveSpecification" not in ledger
    assert ledger["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    guard = packaged.resources["LedgerGuard"]["Properties"]
    assert guard["Source"] == {"Fn::GetAtt": ["LedgerTable", "StreamArn"]}
    (only,) = guard["SourceParameters"]["FilterCriteria"]["Filters"]
    assert json.loads(only["Pattern"]) == {"eventName": ["MODIFY", "REMOVE"]}
    assert "Image" not in guard["TargetParameters"]["InputTemplate"]


def test_every_policy_names_a_table_that_exists(packaged: Package) -> None:
    made = {table["Properties"]["TableName"]["Fn::Sub"] for table in tables(packaged).values()}
    named = {
        arn.split(":table/")[1].removesuffix("/index/*").removesuffix("/stream/*")
        for arn in texts(list(packaged.of_type("AWS::IAM::Role").values()))
        if ":table/" in arn
    }
    assert named == made


def test_the_webhooks_addresses_are_open_to_vendors_and_need_both_permissions(packaged: Package) -> None:
    urls = packaged.of_type("AWS::Lambda::Url").values()
    assert {url["AuthType"] for url in urls} == {"NONE"}
    public = [each for each in packaged.of_type("AWS::Lambda::Permission").values() if each["Principal"] == "*"]
    for url in urls:
        mine = [each for each in public if each["FunctionName"] == url["TargetFunctionArn"]]
        assert {each["Action"] for each in mine} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    for each in public:
        assert each["FunctionName"] in [url["TargetFunctionArn"] for url in urls]
        assert each.get("FunctionUrlAuthType") == "NONE" or each.get("InvokedViaFunctionUrl") is True


def test_every_alarm_tells_somebody(packaged: Package) -> None:
    alarms = packaged.of_type("AWS::CloudWatch::Alarm")
    assert alarms
    assert all(each["AlarmActions"] == [{"Ref": "Alarms"}] for each in alarms.values())


def test_it_is_noticed_when_the_books_were_not_proven_for_a_day(packaged: Package) -> None:
    alarm = packaged.of_type("AWS::CloudWatch::Alarm")["ReconciliationStandsStill"]
    (proven,) = [
        each
        for each in packaged.of_type("AWS::Logs::MetricFilter").values()
        if each["MetricTransformations"][0]["MetricName"] == alarm["MetricName"]
    ]
    assert proven["FilterPattern"] == '{ $.event = "reconciled" && $.failed = 0 }'
    assert (alarm["Period"] * alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (26 * 3600, "breaching")


def test_what_cannot_be_told_of_a_stream_is_let_go_soon(packaged: Package) -> None:
    """A gift that is told late is told to nobody: no record is tried for long, and none holds up the next."""
    mappings = packaged.of_type("AWS::Lambda::EventSourceMapping").values()
    (mapping,) = [each for each in mappings if each["FunctionName"] == {"Ref": "LiveSignals"}]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["LiveTable", "StreamArn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 0 < mapping["MaximumRetryAttempts"] <= 5
    assert mapping["MaximumRecordAgeInSeconds"] <= 300
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}}


def test_every_rule_keeps_what_it_could_not_deliver_and_may_do_so(packaged: Package) -> None:
    policy = packaged.of_type("AWS::SQS::QueuePolicy")["DeadLettersPolicy"]["PolicyDocument"]["Statement"]
    (may,) = [each["Condition"]["ArnEquals"]["aws:SourceArn"] for each in policy]
    told = {arn["Fn::Sub"].rpartition(":rule/")[2] for arn in may}
    rules = [
        event["Properties"]
        for function in packaged.functions.values()
        for event in function.get("Events", {}).values()
        if event["Type"] in ("Schedule", "EventBridgeRule")
    ]
    assert rules
    assert all(each["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}} for each in rules)
    assert {each["Name"]["Fn::Sub"] for each in rules} <= told


def test_a_digest_and_who_leaves_is_put_once_and_stays_under_its_name(packaged: Package) -> None:
    statements = packaged.of_type("AWS::S3::BucketPolicy")["DigestsBucketPolicy"]["PolicyDocument"]["Statement"]
    denied = {
        action: each.get("Condition")
        for each in statements
        if each["Resource"] == [{"Fn::Sub": f"${{DigestsBucket.Arn}}/{below}/*"} for below in ("digests", "leaving")]
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert denied == {
        "s3:PutObject": {"Null": {"s3:if-none-match": "true"}},
        "s3:DeleteObject": None,
        "s3:DeleteObjectVersion": None,
    }


def test_the_machine_calls_the_clock_function_and_nothing_else(packaged: Package) -> None:
    machine = packaged.resources["ClockMachine"]["Properties"]
    assert machine["DefinitionSubstitutions"] == {"ClockFunctionArn": {"Fn::GetAtt": ["Clock", "Arn"]}}
    tasks = [state for state in machine["Definition"]["States"].values() if state["Type"] == "Task"]
    assert [task["Resource"] for task in tasks] == ["${ClockFunctionArn}"]


def test_names_that_are_spelled_out_are_those_of_the_resources(packaged: Package) -> None:
    variables = packaged.template["Globals"]["Function"]["Environment"]["Variables"]
    machine = packaged.resources["ClockMachine"]["Properties"]["StateMachineName"]["Fn::Sub"]
    assert variables["CLOCK_MACHINE_ARN"]["Fn::Sub"].endswith(f":stateMachine:{machine}")
    secrets = {each["Name"]["Fn::Sub"] for each in packaged.of_type("AWS::SecretsManager::Secret").values()}
    assert {value["Fn::Sub"] for name, value in variables.items() if name.endswith("_SECRET")} == secrets


def test_no_secret_is_in_the_template(packaged: Package) -> None:
    assert not [text for text in texts(packaged.template) if text.startswith(("sk_live", "sk_test", "whsec_"))]


def test_cloudformation_can_read_it(packaged: Package) -> None:
    text = (packaged.folder / "sam.yaml").read_text()
    assert "&id0" not in text  # it knows no YAML aliases
    assert len(text) < 1_000_000  # the most it takes from a bucket is 1 MB


def tables(packaged: Package) -> dict[str, Any]:
    return {name: each for name, each in packaged.resources.items() if each["Type"] == "AWS::DynamoDB::Table"}


def texts(thing: Any) -> list[str]:
    """Every string in a document."""
    match thing:
        case str():
            return [thing]
        case dict():
            return [text for value in thing.values() for text in texts(value)]
        case list():
            return [text for value in thing for text in texts(value)]
    return []


def test_the_gateway_calls_the_alias_and_nothing_else_of_the_api(packaged: Package) -> None:
    written = json.dumps(packaged.resources["RestAPI"])
    assert "functions/${APIHandlerAliaslive}/invocations" in written
    assert "${APIHandler.Arn}" not in written
    permission = packaged.resources["APIHandlerInvokePermission"]["Properties"]
    assert permission["FunctionName"] == {"Ref": "APIHandlerAliaslive"}


def test_a_release_of_the_api_is_called_back_by_alarms_that_exist(packaged: Package) -> None:
    alarms = packaged.of_type("AWS::CloudWatch::Alarm")
    preference = packaged.functions["api"]["DeploymentPreference"]
    assert [each["Ref"] for each in preference["Alarms"]] == list(CANARY_CALLS_BACK)
    assert set(CANARY_CALLS_BACK) <= alarms.keys()
    assert preference["Enabled"] == {"Ref": "Canary"}
    assert set(CALLS_BACK) <= alarms.keys()
    assert len(CALLS_BACK) <= 5  # as many as CloudFormation watches


def test_the_firewall_counts_what_people_may_write_and_stops_nothing_where_it_only_counts(packaged: Package) -> None:
    (firewall,) = packaged.of_type("AWS::WAFv2::WebACL").values()
    rules = {each["Name"]: each for each in firewall["Rules"]}
    for name, rule in rules.items():
        acts = "Action" if name == "floods" else "OverrideAction"
        condition, _, otherwise = rule[acts]["Fn::If"]
        assert (condition, otherwise) == ("FirewallBlocks", {"Count": {}})
    overridden = rules["common"]["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    assert all(each["ActionToUse"] == {"Count": {}} for each in overridden)
    assert {"SizeRestrictions_BODY", "CrossSiteScripting_BODY", "NoUserAgent_HEADER"} <= {
        each["Name"] for each in overridden
    }
    assert len({each["Priority"] for each in rules.values()}) == len(rules)


def test_what_the_firewall_writes_down_opens_nothing(packaged: Package) -> None:
    (log,) = packaged.of_type("AWS::WAFv2::LoggingConfiguration").values()
    redacted = {next(iter(each)): each for each in log["RedactedFields"]}
    assert {"QueryString", "UriPath", "SingleHeader"} == redacted.keys()
    assert {"SingleHeader": {"Name": "authorization"}} in log["RedactedFields"]
    (firewall,) = packaged.of_type("AWS::WAFv2::WebACL").values()
    shown = [firewall, *firewall["Rules"]]
    assert not any(each["VisibilityConfig"]["SampledRequestsEnabled"] for each in shown)  # samples hold headers whole
    assert log["LoggingFilter"]["DefaultBehavior"] == "DROP"


def test_with_a_name_of_its_own_the_api_has_one_way_in(packaged: Package) -> None:
    assert packaged.resources["RestAPI"]["Properties"]["DisableExecuteApiEndpoint"] == {
        "Fn::If": ["HasDomain", True, False]
    }
    (name,) = packaged.of_type("AWS::ApiGateway::DomainName").values()
    assert name["SecurityPolicy"] == "TLS_1_2"
    variables = packaged.template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["API_URL"]["Fn::If"][:2] == ["HasDomain", {"Fn::Sub": "https://${ApiDomain}"}]
    assert packaged.template["Outputs"]["ApiUrl"]["Value"]["Fn::If"][:2] == [
        "HasDomain",
        {"Fn::Sub": "https://${ApiDomain}"},
    ]


def test_what_vendors_queues_and_rules_call_is_the_newest_code_for_they_repeat_what_failed(packaged: Package) -> None:
    assert [name for name, each in packaged.functions.items() if "AutoPublishAlias" in each] == ["api"]


def test_every_role_is_made_within_the_boundary_where_there_is_one(packaged: Package) -> None:
    roles = packaged.of_type("AWS::IAM::Role")
    bound = {"Fn::If": ["HasBoundary", {"Ref": "RoleBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    assert roles
    assert all(each["PermissionsBoundary"] == bound for each in roles.values())
