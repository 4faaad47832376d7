"""What watches the product: nobody waits on a metric that nobody emits, and no alarm leaves somebody without a page."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.runtime.logs import Fields
from chalicelib.runtime.metrics import Measures
from tests.unit.infra.made import Package

pytestmark = pytest.mark.package
ROOT = Path(__file__).resolve().parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"
OURS = "SoulSeer/${Stage}"
GUARD = "LedgerGuard"
"""A pipe that tells the pages' topic by itself."""
OF_AWS = {
    "AWS/ApiGateway": ({"ApiName"}, {"4XXError", "5XXError", "Count", "Latency"}),
    "AWS/DynamoDB": ({"TableName"}, {"ReadThrottleEvents", "WriteThrottleEvents"}),
    "AWS/Lambda": ({"FunctionName"}, {"Duration", "Errors", "Invocations", "IteratorAge", "Url5xxCount"}),
    "AWS/Lambda, of the account": (set[str](), {"ConcurrentExecutions", "Throttles"}),
    "AWS/SES": (set[str](), {"Reputation.BounceRate", "Reputation.ComplaintRate"}),
    "AWS/SQS": ({"QueueName"}, {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}),
    "AWS/WAFV2": ({"WebACL", "Region", "Rule"}, {"BlockedRequests"}),
    "AWS/States": (
        {"StateMachineArn"},
        {"ExecutionsAborted", "ExecutionsFailed", "ExecutionsStarted", "ExecutionsTimedOut"},
    ),
}
"""What AWS emits, with which dimension, as its documentation has it."""
HEADINGS = ["What it means", "What people notice", "Look first", "Do", "Afterwards"]
Metric = tuple[str, str, dict[str, Any]]
"""Namespace, name, dimensions."""


def alarms(packaged: Package) -> dict[str, Any]:
    return packaged.of_type("AWS::CloudWatch::Alarm")


def widgets(packaged: Package, kind: str = "metric") -> list[dict[str, Any]]:
    (dashboard,) = packaged.of_type("AWS::CloudWatch::Dashboard").values()
    body = json.loads(dashboard["DashboardBody"]["Fn::Sub"])
    return [each["properties"] for each in body["widgets"] if each["type"] == kind]


def of_alarm(alarm: dict[str, Any]) -> list[Metric]:
    watched = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", ()) if "MetricStat" in each] or [alarm]
    return [
        (plain(each["Namespace"]), each["MetricName"], {of["Name"]: of["Value"] for of in each.get("Dimensions", ())})
        for each in watched
    ]


def of_widget(widget: dict[str, Any]) -> Iterator[Metric]:
    for line in widget["metrics"]:
        namespace, name, *dimensions = [each for each in line if isinstance(each, str)]
        yield namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))


def plain(value: Any) -> str:
    return str(value["Fn::Sub"] if isinstance(value, dict) else value)


def emitted_by_us(packaged: Package) -> set[str]:
    filters = packaged.of_type("AWS::Logs::MetricFilter").values()
    return {each["MetricTransformations"][0]["MetricName"] for each in filters} | Measures.__annotations__.keys()


def watched(packaged: Package, metric: str) -> set[str]:
    """The functions (by logical name) of which an alarm watches that metric."""
    return {
        dimensions["FunctionName"]["Ref"]
        for alarm in alarms(packaged).values()
        for _, name, dimensions in of_alarm(alarm)
        if name == metric and "FunctionName" in dimensions
    }


def functions(packaged: Package) -> dict[str, str]:
    """Logical name → what follows the stage in the physical one."""
    return {
        name: each["Properties"]["FunctionName"]["Fn::Sub"].removeprefix("soulseer-${Stage}-")
        for name, each in packaged.resources.items()
        if each["Type"] == "AWS::Serverless::Function"
    }


def runbooks() -> dict[str, str]:
    """Of alarms, named as they are. What is no alarm's has a name in small letters."""
    return {each.stem: each.read_text() for each in RUNBOOKS.glob("[A-Z]*.md") if each.stem != "README"}


def pages(packaged: Package) -> set[str]:
    """What cannot wait."""
    composite = packaged.of_type("AWS::CloudWatch::CompositeAlarm")["NeedsSomebody"]
    return {GUARD, "NeedsSomebody", *re.findall(r'ALARM\("\$\{(\w+)}"\)', composite["AlarmRule"]["Fn::Sub"])}


# --- metrics -------------------------------------------------------------------------------------


def test_whatever_an_alarm_or_a_picture_names_is_emitted(packaged: Package) -> None:
    ours = emitted_by_us(packaged)
    named = [(name, each) for name, alarm in alarms(packaged).items() for each in of_alarm(alarm)]
    named += [(widget["title"], each) for widget in widgets(packaged) for each in of_widget(widget)]
    assert len(named) > 100
    for where, (namespace, name, dimensions) in named:
        if namespace == OURS:
            assert (name in ours, dimensions) == (True, {}), where
            continue
        known = OF_AWS[namespace if dimensions or namespace == "AWS/SES" else f"{namespace}, of the account"]
        assert set(dimensions) == known[0], f"{where}: {namespace} {name}"
        assert name in known[1], f"{where}: {namespace} {name}"


def test_whatever_a_dimension_names_is_in_the_template(packaged: Package) -> None:
    names = {f"soulseer-${{Stage}}-{each}" for each in functions(packaged).values()}
    names |= {"soulseer-${Stage}", "${AWS::Region}", "ALL"}
    for widget in widgets(packaged):
        for _, name, dimensions in of_widget(widget):
            for value in dimensions.values():
                referred = re.findall(r"\$\{(\w+)(?:\.\w+)?}", value)
                found = value in names or (referred and set(referred) <= packaged.resources.keys())
                assert found, f"{widget['title']}: {name}"


def test_no_metric_is_paid_for_that_nobody_sees(packaged: Package) -> None:
    drawn = {name for widget in widgets(packaged) for namespace, name, _ in of_widget(widget) if namespace == OURS}
    assert drawn == emitted_by_us(packaged)


def test_a_sum_of_metrics_gives_one_number_of_ten_at_most(packaged: Package) -> None:
    for name, alarm in alarms(packaged).items():
        metrics = alarm.get("Metrics", ())
        assert [each for each in metrics if each.get("ReturnData", True)] == list(metrics[:1]), name
        assert len(metrics) <= 11, name


# --- functions -----------------------------------------------------------------------------------


def test_it_is_noticed_when_any_function_fails(packaged: Package) -> None:
    assert watched(packaged, "Errors") | watched(packaged, "Url5xxCount") == functions(packaged).keys()


def test_each_function_is_on_the_dashboard(packaged: Package) -> None:
    lines = {
        (name, dimensions.get("FunctionName", "").removeprefix("soulseer-${Stage}-"))
        for widget in widgets(packaged)
        for _, name, dimensions in of_widget(widget)
    }
    for function in functions(packaged).values():
        assert {("Errors", function), ("Duration", function)} <= lines


def test_it_is_noticed_when_any_stream_is_read_late(packaged: Package) -> None:
    mappings = packaged.of_type("AWS::Lambda::EventSourceMapping").values()
    of_streams = {
        each["FunctionName"]["Ref"] for each in mappings if each["EventSourceArn"]["Fn::GetAtt"][1] == "StreamArn"
    }
    assert watched(packaged, "IteratorAge") == of_streams


def test_a_time_out_is_near_by_the_functions_own_time(packaged: Package) -> None:
    alarm = alarms(packaged)["FunctionsNearTimeout"]
    told = dict(re.findall(r"(\w+)/(\d+)", alarm["Metrics"][0]["Expression"]))
    times = {
        each["Id"]: packaged.resources[of["Ref"]]["Properties"]["Timeout"] * 1_000
        for each in alarm["Metrics"][1:]
        for of in [each["MetricStat"]["Metric"]["Dimensions"][0]["Value"]]
    }
    assert {name: int(millis) for name, millis in told.items()} == times


def test_every_function_and_the_machine_are_traced(packaged: Package) -> None:
    assert {each["Tracing"] for each in packaged.functions.values()} == {"Active"}
    assert packaged.resources["ClockMachine"]["Properties"]["TracingConfiguration"] == {"Enabled": True}


# --- logs ----------------------------------------------------------------------------------------


def test_every_log_is_kept_for_a_while_and_no_longer(packaged: Package) -> None:
    groups = packaged.of_type("AWS::Logs::LogGroup")
    firewall = groups.pop("FirewallLog")  # what it stopped is of use for a season
    assert firewall["RetentionInDays"] == {"Fn::If": ["IsProd", 90, 14]}
    assert all(each["RetentionInDays"] == {"Fn::If": ["IsProd", 365, 14]} for each in groups.values())
    of_functions = {each["LoggingConfig"]["LogGroup"]["Ref"] for each in packaged.functions.values()}
    assert of_functions | {"ClockMachineLog", "GatewayLog"} == groups.keys()


def test_every_error_line_of_every_function_is_counted(packaged: Package) -> None:
    counted = {
        each["LogGroupName"]["Ref"]
        for each in packaged.of_type("AWS::Logs::MetricFilter").values()
        if each["FilterPattern"] == '{ $.level = "error" }'
    }
    assert counted == {each["LoggingConfig"]["LogGroup"]["Ref"] for each in packaged.functions.values()}


def test_the_gateways_log_names_no_address_and_nobody(packaged: Package) -> None:
    setting = packaged.resources["RestAPI"]["Properties"]["AccessLogSetting"]["Fn::If"][1]
    line = json.loads(setting["Format"])
    assert set(line) <= Fields.__annotations__.keys() | {"event"}
    told = set(re.findall(r"\$context\.([\w.]+)", setting["Format"]))
    assert not [each for each in told if each.startswith(("identity", "authorizer", "path", "domain", "protocol"))]
    assert "resourcePath" in told


# --- the dashboard -------------------------------------------------------------------------------


def test_each_picture_is_titled_with_what_somebody_asks(packaged: Package) -> None:
    titles = [each["title"] for each in widgets(packaged)]
    assert len(set(titles)) == len(titles)
    assert [each for each in titles if not each.endswith("?")] == []


def test_what_is_drawn_as_an_alarms_threshold_is_that(packaged: Package) -> None:
    thresholds = {name: alarm["Threshold"] for name, alarm in alarms(packaged).items()}
    drawn = [
        (re.findall(r"[A-Z]\w+", each["label"]), each["value"], widget)
        for widget in widgets(packaged)
        for each in widget.get("annotations", {}).get("horizontal", ())
    ]
    assert len(drawn) > 10
    for names, value, widget in drawn:
        assert names, widget["title"]
        shown = {(namespace, name) for namespace, name, _ in of_widget(widget)}
        for name in names:
            alarm = alarms(packaged)[name]
            assert thresholds[name] == value, name
            # A sum of five minutes is not one of a minute; of the least there is, it makes no difference.
            assert value == 1 or alarm.get("Statistic") != "Sum" or alarm["Period"] == widget["period"], name
            assert {metric[:2] for metric in of_alarm(alarms(packaged)[name])} <= shown, name


def test_all_alarms_are_shown_what_pages_first(packaged: Package) -> None:
    (shown,) = widgets(packaged, "alarm")
    names = [each.rpartition(":alarm:soulseer-${Stage}-")[2] for each in shown["alarms"]]
    assert names == ["NeedsSomebody", *sorted(alarms(packaged))]


def test_no_picture_lies_on_another(packaged: Package) -> None:
    (dashboard,) = packaged.of_type("AWS::CloudWatch::Dashboard").values()
    taken: set[tuple[int, int]] = set()
    for each in json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]:
        cells = {
            (x, y)
            for x in range(each["x"], each["x"] + each["width"])
            for y in range(each["y"], each["y"] + each["height"])
        }
        assert not cells & taken
        assert each["x"] + each["width"] <= 24
        taken |= cells


# --- queries -------------------------------------------------------------------------------------

LOGICAL = {"and", "or", "not", "in", "as", "by", "asc", "desc", "like"}
WORDS = {"fields", "filter", "sort", "limit", "stats", "SOURCE"} | LOGICAL
CALLED = {"count", "count_distinct", "latest", "pct", "max", "ispresent", "bin"}
OF_LAMBDA = {"@log", "@message", "@timestamp", "@type", "@initDuration", "@maxMemoryUsed"}


def test_a_query_names_only_what_lines_have(packaged: Package) -> None:
    known = Fields.__annotations__.keys() | {"at", "level", "event", "stack"} | OF_LAMBDA
    known |= {f"{each}.0" for each in Measures.__annotations__}
    queries = {plain(each["Name"]): each["QueryString"] for each in saved(packaged)}
    queries |= {each["title"]: each["query"] for each in widgets(packaged, "log")}
    for name, query in queries.items():
        bare = re.sub(r"\"[^\"]*\"|'[^']*'", " ", query)
        made = set(re.findall(r"\bas (\w+)", bare))
        used = set(re.findall(r"(?<![\w.@])@?[A-Za-z_][\w.]*", bare))
        assert used - made - WORDS - CALLED <= known, name


def test_a_filter_and_a_query_name_only_events_that_are_logged(packaged: Package) -> None:
    sources = "".join(path.read_text() for path in (ROOT / "chalicelib").rglob("*.py"))
    texts = [each["FilterPattern"] for each in packaged.of_type("AWS::Logs::MetricFilter").values()]
    texts += [each["QueryString"] for each in saved(packaged)]
    events = {each for text in texts for each in re.findall(r'event !?= "(\w+)"', text)}
    assert len(events) >= 4
    assert [each for each in events if f'"{each}"' not in sources] == []


def test_each_query_of_all_logs_asks_those_of_all_functions(packaged: Package) -> None:
    of_functions = [each["LoggingConfig"]["LogGroup"] for each in packaged.functions.values()]
    whole = [each for each in saved(packaged) if len(each["LogGroupNames"]) > 5]
    assert len(whole) == 4
    for each in whole:
        assert sorted(map(str, each["LogGroupNames"])) == sorted(map(str, of_functions))


def saved(packaged: Package) -> list[dict[str, Any]]:
    return list(packaged.of_type("AWS::Logs::QueryDefinition").values())


# --- runbooks ------------------------------------------------------------------------------------


def test_each_alarm_has_its_page_and_each_page_its_alarm(packaged: Package) -> None:
    assert runbooks().keys() == alarms(packaged).keys() | {GUARD, "NeedsSomebody"}


def test_an_alarm_is_named_as_its_page_and_says_where_that_is(packaged: Package) -> None:
    told = alarms(packaged) | packaged.of_type("AWS::CloudWatch::CompositeAlarm")
    for name, alarm in told.items():
        assert plain(alarm["AlarmName"]) == f"soulseer-${{Stage}}-{name}"
        assert plain(alarm["AlarmDescription"]).endswith(f" ${{RunbookUrl}}/{name}.md")
        assert len(plain(alarm["AlarmDescription"])) < 900
    guard = packaged.resources[GUARD]["Properties"]["TargetParameters"]["InputTemplate"]["Fn::Sub"]
    assert f"${{RunbookUrl}}/{GUARD}.md" in guard


def test_a_page_says_whether_it_can_wait(packaged: Package) -> None:
    for name, text in runbooks().items():
        assert text.startswith(f"# {name}\n\n**{'Page' if name in pages(packaged) else 'Ticket'}.** "), name


def test_what_cannot_wait_tells_the_pager_and_all_else_the_working_day(packaged: Package) -> None:
    composite = packaged.of_type("AWS::CloudWatch::CompositeAlarm")["NeedsSomebody"]
    assert composite["AlarmActions"] == composite["OKActions"] == [{"Ref": "Pages"}]
    assert packaged.resources[GUARD]["Properties"]["Target"] == {"Ref": "Pages"}


@pytest.mark.parametrize("name", sorted(runbooks()))
def test_a_page_says_what_it_means_where_to_look_and_what_to_do(name: str) -> None:
    assert re.findall(r"^## (.*)$", runbooks()[name], re.MULTILINE) == HEADINGS


def test_the_list_of_pages_names_each_under_what_it_is(packaged: Package) -> None:
    listed = (RUNBOOKS / "README.md").read_text().partition("## Tickets")
    urgent, waiting = (set(re.findall(r"^\| \[(\w+)]", each, re.MULTILINE)) for each in (listed[0], listed[2]))
    assert urgent == pages(packaged)
    assert waiting == runbooks().keys() - urgent


def test_a_page_sends_to_queries_and_pictures_that_there_are(packaged: Package) -> None:
    queries = {plain(each["Name"]).removeprefix("soulseer-${Stage}/") for each in saved(packaged)}
    titles = {each["title"] for each in widgets(packaged)}
    sent: set[str] = set()
    for name, text in runbooks().items():
        told = {
            each
            for several in re.findall(r"saved quer(?:y|ies) ((?:`[^`]+`(?: \([^)]*\))?(?:, | and )?)+)", text)
            for each in re.findall(r"`([^`]+)`", several)
        }
        assert told <= queries, name
        assert set(re.findall(r'"([^"\n]+\?)"', text)) <= titles, name
        sent |= told
    assert sent == queries


def test_an_event_that_a_page_explains_is_logged() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "chalicelib").rglob("*.py"))
    table = [line.split("|")[1] for line in runbooks()["ErrorsLogged"].splitlines() if line.startswith("| `")]
    events = re.findall(r"`(\w+)`", " ".join(table))
    assert len(events) > 15
    assert [each for each in events if f'"{each}"' not in sources] == []
