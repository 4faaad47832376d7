"""What watches the stack is there: the dashboard as the local AWS took it, and the alarms by their names."""

import json
from typing import Any

from tests.e2e.stage import Stage


def test_the_dashboard_was_taken_and_names_what_is_there(stage: Stage) -> None:
    cloudwatch: Any = stage.stack.aws("cloudwatch")
    body = json.loads(cloudwatch.get_dashboard(DashboardName="soulseer-dev")["DashboardBody"])
    assert "${" not in json.dumps(body)
    lines = [line for each in body["widgets"] if each["type"] == "metric" for line in each["properties"]["metrics"]]
    functions = {each["FunctionName"] for each in stage.stack.aws("lambda").list_functions()["Functions"]}
    drawn = {line[3] for line in lines if line[:2] == ["AWS/Lambda", "Errors"]}
    assert drawn == {each for each in functions if each.startswith("soulseer-dev-")}
    assert {"SoulSeer/dev"} == {line[0] for line in lines if line[1] == "BillingLateness"}


def test_each_alarm_is_named_as_its_page_and_says_where_that_is(stage: Stage) -> None:
    cloudwatch: Any = stage.stack.aws("cloudwatch")
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix="soulseer-dev-", MaxRecords=100)["MetricAlarms"]
    assert len(alarms) >= 26
    for each in alarms:
        name = each["AlarmName"].removeprefix("soulseer-dev-")
        assert each["AlarmDescription"].endswith(f" docs/runbooks/{name}.md")
        assert [arn.rpartition(":")[2] for arn in each["AlarmActions"]] == ["soulseer-dev-alarms"]
