"""A cold start pays for every import: what a request may not need is imported when it is needed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LATER = [
    "jwt",
    "cryptography",
    "stripe",
    "boto3",
    "botocore",
    "aws_lambda_powertools",
    "agora_token_builder",
    "pynamodb",
]


def test_the_endpoint_module_brings_no_vendor_with_it() -> None:
    code = f"import sys, chalicelib.runtime.endpoint; print([each for each in {LATER} if each in sys.modules])"
    told = subprocess.run(  # noqa: S603 - this interpreter, our own words
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == "[]"
