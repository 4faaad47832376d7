"""A package as the tests look at it."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.package import package


@dataclass(frozen=True, slots=True)
class Package:
    folder: Path
    template: dict[str, Any]
    names: list[str]
    """Of the files in the zip."""

    @property
    def resources(self) -> dict[str, Any]:
        found: dict[str, Any] = self.template["Resources"]
        return found

    @property
    def functions(self) -> dict[str, Any]:
        """The properties of the functions, by what follows the stage in their physical name."""
        return {
            each["Properties"]["FunctionName"]["Fn::Sub"].removeprefix("soulseer-${Stage}-"): each["Properties"]
            for each in self.resources.values()
            if each["Type"] == "AWS::Serverless::Function"
        }

    def of_type(self, kind: str) -> dict[str, Any]:
        """Logical name → properties."""
        return {name: each["Properties"] for name, each in self.resources.items() if each["Type"] == kind}


def load(folder: Path, stage: str) -> Package:
    """Package ``stage`` into ``folder``."""
    package(stage, folder, local=True)
    with zipfile.ZipFile(folder / "deployment.zip") as opened:
        names = opened.namelist()
    read = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # six times as fast, where libyaml is
    template = yaml.load((folder / "sam.yaml").read_text(), read)  # noqa: S506 - both are safe
    return Package(folder, template, names)
