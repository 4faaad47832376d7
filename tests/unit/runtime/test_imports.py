"""A cold start pays for every import: what a request may not need is imported when it is needed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.runtime.lazy import on_first_use

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


RARE = [
    "chalicelib.live.service",
    "chalicelib.operations.deletions",
    "chalicelib.operations.exports",
    "chalicelib.readers.reviews",
    "chalicelib.runtime.openapi",
    "chalicelib.scheduling.service",
    "chalicelib.sessions.afterwards",
]


def told(code: str) -> str:
    """What the code prints, in a fresh process."""
    ran = subprocess.run(  # noqa: S603 - this interpreter, our own words
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return ran.stdout.strip()


def test_the_endpoint_module_brings_no_vendor_with_it() -> None:
    listed = f"[each for each in {LATER} if each in sys.modules]"
    assert told(f"import sys, chalicelib.runtime.endpoint; print({listed})") == "[]"


def test_the_requests_of_a_reading_do_without_what_few_requests_need() -> None:
    # A module that waits to be read is of a class of its own until somebody looks into it.
    listed = f"[each for each in {RARE} if type(sys.modules.get(each)) is type(sys)]"
    read = "[app.read(path) for path in ('/v1/me', '/v1/wallet', '/v1/sessions', '/v1/reader/presence')]"
    assert told(f"import sys; from app import app; {read}; print({listed})") == "[]"


def test_the_app_starts_without_any_routes_and_the_first_request_reads_those_of_its_path_alone() -> None:
    code = """
import sys
from app import app
read = lambda: [each for each in app.parts if each in sys.modules]
print(read())
app.read("/v1/streams")
print(read(), sorted(app.routes["/v1/streams"]))
"""
    assert told(code).splitlines() == ["[]", "['chalicelib.live.routes'] ['GET', 'POST']"]


def test_an_event_of_a_payment_that_is_none_of_the_shops_reads_of_the_shop_whose_it_is_and_no_more() -> None:
    code = """
import contextlib, io, sys
from tests.support.events import refund_event
from tests.support.purse import Purse
with contextlib.redirect_stdout(io.StringIO()):
    purse = Purse()
    told = refund_event("refund.created", "re_1", purse.pays(1_000), 100, "succeeded")
    from chalicelib.shop import handlers
    handlers.apply_event(purse.world, told)
print(purse.balance)
print(*sorted(name for name, each in sys.modules.items() if "b.shop." in name and type(each) is type(sys)))
"""
    assert told(code).splitlines() == ["900", "chalicelib.shop.events chalicelib.shop.handlers"]


def test_a_module_of_first_use_is_read_at_the_first_look_and_is_the_one_that_others_import() -> None:
    code = """
import sys
from chalicelib.runtime.lazy import on_first_use
feed = on_first_use("chalicelib.scheduling.feed")
print("icalendar" in sys.modules or "chalicelib.sessions.model.session" in sys.modules)
print(feed.MEDIA_TYPE)
from chalicelib.scheduling import feed as again
print(feed is again is on_first_use("chalicelib.scheduling.feed"))
"""
    assert told(code).splitlines() == ["False", "text/calendar; charset=utf-8", "True"]


def test_a_module_of_first_use_that_does_not_exist_is_missed_at_once() -> None:
    with pytest.raises(ModuleNotFoundError, match=re.escape("chalicelib.scheduling.nothing")):
        on_first_use("chalicelib.scheduling.nothing")
