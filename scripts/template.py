"""What Chalice does not make of the template: ``infra/template/``, one file a purpose, read as one.

Chalice merges it into its own template: dicts key by key, lists replaced, so a key given below a function of Chalice's
(APIHandler, StripeWebhook, BillingTick, Clock, …: the CamelCase of their names) adds to it. scripts/package.py then
fills in what must not be written twice: the stage, and the state machine from infra/clock.asl.json.

What several resources of a file share is written at the first (``<<: &name``) and taken by the others (``<<: *name``);
the packaged template has it written out. Every physical name is ``soulseer-{stage}-{name}``. Because names are fixed,
policies and variables can spell an ARN with Fn::Sub where a Ref would be circular (the machine calls a function that
is told the machine's ARN).
"""

from pathlib import Path
from typing import Any, Final

from chalice.package import YAMLTemplateSerializer

FOLDER: Final = Path(__file__).resolve().parent.parent / "infra" / "template"


def whole(folder: Path = FOLDER) -> dict[str, Any]:
    """All files of the folder as one template. Raises ValueError where two say the same thing."""
    template: dict[str, Any] = {}
    for path in sorted(folder.glob("*.yaml")):
        for section, told in YAMLTemplateSerializer().load_template(path.read_text(), path.name).items():
            if not isinstance(told, dict):
                template[section] = told
                continue
            into = template.setdefault(section, {})
            if twice := into.keys() & told.keys():
                raise ValueError(f"{path.name} says again what another file says: {', '.join(sorted(twice))}")
            into.update(told)
    return template
