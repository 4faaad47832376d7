"""The smoke test of a release, on the stack as the local AWS has it."""

import json
from dataclasses import replace

from scripts.deployment.smoke import Place, smoke
from tests.e2e.stage import ROOT, Stage


def at(stage: Stage) -> Place:
    found = stage.stack.addresses
    machine = stage.stack.function_environment()["CLOCK_MACHINE_ARN"]
    hooks = {name: url["url"] for name, url in found.function_urls.items()}
    return Place(found.api_url, hooks, machine, "soulseer-dev-api", stage.stack.aws)


def test_a_stage_that_answers_as_it_should_passes_and_one_that_does_not_is_told_why(stage: Stage) -> None:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    checks = smoke(at(stage), document, tries=1)
    assert [f"{each.what}: {each.found}" for each in checks if not each.holds] == []
    assert len(checks) == 10
    older = document | {"paths": {path: each for path, each in document["paths"].items() if path != "/v1/me"}}
    nowhere = replace(
        at(stage), machine=at(stage).machine + "-gone", webhooks={"OpenWebhook": f"{stage.stack.api_url}/health"}
    )
    wrong = {each.what: each.found for each in smoke(nowhere, older, tries=1) if not each.holds}
    assert wrong.keys() == {
        "its document is that of this code",
        "OpenWebhook refuses what nobody signed",
        "the clock's state machine is there",
    }
    assert "/v1/me" in wrong["its document is that of this code"]
