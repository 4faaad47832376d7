"""Which code it is that is released: the commit, and what speaks against it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SECONDS: Final = 10.0
_MAINS: Final = ("origin/main", "main")
"""Where `main` is found: a workflow's checkout has the first only."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a package comes from."""

    commit: str
    """Its first twelve letters, or what is known in place of it."""
    remarks: tuple[str, ...] = ()
    """What somebody should know who releases it."""

    def __str__(self) -> str:
        return f"{self.commit} ({', '.join(self.remarks)})" if self.remarks else self.commit


def of_tree(root: Path) -> Source:
    """The commit of a working tree, and whether something lies beside it, or `main` does not have it."""
    commit = _said(root, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return Source("no commit")
    remarks = []
    if _said(root, "status", "--porcelain"):
        remarks.append("with changes that are in no commit")
    mains = [name for name in _MAINS if _said(root, "rev-parse", "--verify", "--quiet", name)]
    if not any(_said(root, "merge-base", "HEAD", name) == _said(root, "rev-parse", "HEAD") for name in mains):
        remarks.append("not on main")
    return Source(commit, tuple(remarks))


def of_folder(folder: Path) -> Source:
    """A package that was made before: nobody knows of which commit."""
    return Source(f"the package {folder.name}", ("of no known commit",))


def _said(root: Path, *asked: str) -> str:
    """What git answers; empty where it has nothing to say, or where there is no git."""
    try:
        told = subprocess.run(
            ["git", *asked],  # noqa: S607 - whichever git there is
            cwd=root,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""
