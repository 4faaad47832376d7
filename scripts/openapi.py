"""Write the OpenAPI document to docs/openapi.json, or check that the one there is up to date."""

import argparse
import difflib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "openapi.json"
_MOST_LINES_SHOWN = 60


def main(arguments: list[str]) -> int:
    """0 if the document is (now) up to date, 1 if ``--check`` found it is not."""
    parser = argparse.ArgumentParser(prog="scripts/openapi.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the document is out of date")
    parser.add_argument("--out", type=Path, default=DOCUMENT, help="the document's place (default: docs/openapi.json)")
    chosen = parser.parse_args(arguments)
    rendered = _rendered()
    if not chosen.check:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(rendered, encoding="utf-8")
        print(f"wrote {chosen.out}")
        return 0
    written = chosen.out.read_text(encoding="utf-8") if chosen.out.exists() else ""
    if written == rendered:
        print(f"{chosen.out} is up to date")
        return 0
    _show_difference(written, rendered, str(chosen.out))
    return 1


def _rendered() -> str:
    sys.path.insert(0, str(ROOT))
    from app import app
    from chalicelib.runtime import openapi

    return openapi.rendered(openapi.routes_of(app.every_route()))


def _show_difference(written: str, rendered: str, name: str) -> None:
    lines = list(
        difflib.unified_diff(written.splitlines(), rendered.splitlines(), name, "the routes", lineterm="", n=2)
    )
    print("\n".join(lines[:_MOST_LINES_SHOWN]), file=sys.stderr)
    if len(lines) > _MOST_LINES_SHOWN:
        print(f"… and {len(lines) - _MOST_LINES_SHOWN} lines more", file=sys.stderr)
    print(f"{name} does not match the routes. Run: python scripts/openapi.py", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
