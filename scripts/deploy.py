#!/usr/bin/env python3
"""Deploy a stage. ``scripts/deploy.py --help`` says how; ``scripts/deployment`` is how it is done."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main() -> int:
    """The exit code, as ``scripts.deployment.cli`` names them."""
    from scripts.deployment.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
