"""The body of the dashboard: what infra/template/dashboard.yaml says, as the JSON that CloudWatch takes.

Three things are said in a word there, so that nothing can be forgotten that is added to the template:

    metrics: {EachFunction: Errors}    a line for each function
    alarms: Each                       all alarms, those that page first
    type: log, query: …                asks the logs of all functions
"""

import json
from typing import Any, Final

_ALARM: Final = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"
_KINDS: Final = ("AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::Alarm")


def completed(template: dict[str, Any]) -> None:
    """Write the bodies of the template's dashboards out, in place."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Dashboard":
            body = resource["Properties"]["DashboardBody"]
            for widget in body["widgets"]:
                _complete(widget["type"], widget["properties"], template)
            resource["Properties"]["DashboardBody"] = {"Fn::Sub": json.dumps(body)}


def _complete(kind: str, properties: dict[str, Any], template: dict[str, Any]) -> None:
    if kind == "alarm":
        properties["alarms"] = [_ALARM + name for name in _alarms(template)]
    elif kind == "log":
        logs = " | ".join(f"SOURCE '/aws/lambda/{name}'" for name in _functions(template))
        properties["query"] = f"{logs} | {properties['query']}"
    elif kind == "metric" and isinstance(properties["metrics"], dict):
        metric = properties["metrics"]["EachFunction"]
        properties["metrics"] = [
            ["AWS/Lambda", metric, "FunctionName", name, {"label": name.removeprefix("soulseer-${Stage}-")}]
            for name in _functions(template)
        ]


def _functions(template: dict[str, Any]) -> list[str]:
    return sorted(
        each["Properties"]["FunctionName"]["Fn::Sub"]
        for each in template["Resources"].values()
        if each["Type"] == "AWS::Serverless::Function"
    )


def _alarms(template: dict[str, Any]) -> list[str]:
    return [
        each["Properties"]["AlarmName"]["Fn::Sub"]
        for kind in _KINDS
        for _, each in sorted(template["Resources"].items())
        if each["Type"] == kind
    ]
