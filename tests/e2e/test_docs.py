"""The page at /docs, as it is served and as a real browser shows it."""

import hashlib
import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from infra.local.waiting import until
from tests.e2e.stage import ROOT, SOON, Stage, refusal
from tests.support import browser
from tests.support.browser import Page
from tests.support.corpus import RAN

CHROMIUM = browser.executable()
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; on Debian: apt install chromium")

PHONE, DESK = (390, 844), (1280, 900)
PARTS = {
    operation["operationId"]: operation["tags"][0]
    for methods in json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"].values()
    for operation in methods.values()
}
"""The part of the API that each operation belongs to."""


def files(html: str) -> list[str]:
    """The addresses of all that the page loads, relative to the API."""
    return [each for each in re.findall(r'(?:href|src)="([^"]+)"', html) if each not in ("data:,", "openapi.json")]


# --- as it is served ----------------------------------------------------------------------------------------------


def test_the_page_may_load_its_own_files_and_nothing_else(stage: Stage) -> None:
    answer = stage.api().send("GET", "/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(each.strip().split(" ", 1) for each in answer.headers["content-security-policy"].split(";"))
    assert policy.pop("img-src") == "'self' data:"
    assert {source for name, source in policy.items() if name in ("script-src", "style-src", "connect-src")} == {
        "'self'"
    }
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.findall(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", answer.text), "inline"
    assert all(each.startswith("docs/") for each in files(answer.text)), "an address that knows where it is"


def test_each_file_carries_its_hash_in_its_address_and_is_kept_for_good(stage: Stage) -> None:
    listed = files(stage.api().send("GET", "/docs").text)
    assert len(listed) == 4
    for address in listed:
        answer = stage.api().send("GET", f"/{address}")
        assert answer.status == 200
        assert hashlib.sha256(answer.content).hexdigest().startswith(address.rsplit("/", 1)[-1])
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "address", ["/docs/page-js/0000000000000000", "/docs/nothing/0000000000000000", "/docs/LICENSE/x"]
)
def test_another_version_of_a_file_is_404_and_is_not_kept(stage: Stage, address: str) -> None:
    answer = stage.api().send("GET", address)
    assert refusal(answer) == (404, "not_found")
    assert answer.headers["cache-control"] == "no-store"


# --- as a browser shows it ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[PHONE, DESK], ids=["phone", "desk"])
def page(stage: Stage, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page as `make serve` says to open it."""
    width, height = request.param
    assert CHROMIUM
    folder = tmp_path_factory.mktemp("browser")
    with browser.tab(CHROMIUM, folder / "profile", width=width, height=height) as tab:
        tab.open(stage.stack.issuer.leads_to(f"{stage.stack.api_url}/docs", stage.stack.tokens))
        seen(tab, "every part", f"document.querySelectorAll('.opblock-tag').length === {len(set(PARTS.values()))}")
        yield tab
        tab.screenshot(folder / "page.png")


def seen(page: Page, what: str, condition: str) -> None:
    until(what, lambda: bool(page.run(condition)), seconds=SOON)


def said(page: Page, start: str) -> None:
    """Wait for what the bar says of the newest answer."""
    seen(page, start, f"document.querySelector('#said').textContent.startsWith({start!r})")


def opened(page: Page, operation: str) -> str:
    """Where the operation is, once the part that it belongs to is open."""
    at = f"document.querySelector('[id$=-{operation}]')"
    page.run(f"document.querySelector('[data-tag={PARTS[operation]}][data-is-open=false]')?.click()")
    seen(page, operation, f"!!{at}")
    return at


def call(page: Page, operation: str) -> None:
    """Open an operation and press its button once it may be pressed."""
    at = opened(page, operation)
    page.run(f"{at}.classList.contains('is-open') || {at}.querySelector('.opblock-summary-control').click()")
    seen(page, f"the button of {operation}", f"!!{at}.querySelector('.execute:enabled')")
    page.run(f"{at}.querySelector('.execute').click()")


@needs_chromium
def test_the_local_link_signs_in_and_leaves_no_token_in_the_address(stage: Stage, page: Page) -> None:
    said(page, "You are Clara, client.")
    assert page.run("location.href") == f"{stage.stack.api_url}/docs"


@needs_chromium
def test_a_person_tries_the_api_and_each_answer_fills_in_the_next_call(page: Page) -> None:
    call(page, "get_me")
    said(page, "/v1/me: 200")
    call(page, "create_topup")
    said(page, "/v1/wallet/topups: 201")
    call(page, "get_topup")  # nobody wrote its id
    said(page, "/v1/wallet/topups/top_")
    assert page.run("document.querySelector('#said').textContent").endswith(": 200")
    assert page.run("document.querySelector('#known a').href").startswith("http://127.0.0.1:"), "the page to pay on"


@needs_chromium
def test_a_button_cannot_be_pressed_before_the_body_that_it_sends_is_there(page: Page) -> None:
    at = opened(page, "create_session")
    page.run(f"{at}.querySelector('.opblock-summary-control').click()")
    bodies_when_enabled = f"""new Promise((resolve) => {{
        const enabled = () => {at}.querySelector('.execute:enabled');
        const look = () => enabled() ? resolve({at}.querySelectorAll('textarea').length) : setTimeout(look);
        look();
    }})"""
    assert page.run(bodies_when_enabled) == 1


@needs_chromium
def test_a_refusal_is_shown_with_its_code(page: Page) -> None:
    call(page, "put_presence")
    said(page, "/v1/reader/presence: 403 forbidden.")
    page.run("[...document.querySelectorAll('#choices button')].find((each) => each.textContent === 'reader').click()")
    said(page, "You are Rosa, reader.")


@needs_chromium
def test_what_somebody_is_called_is_text_in_the_bar_and_in_an_answer(stage: Stage, page: Page) -> None:
    name, clara = f"<img src=x onerror=window.{RAN}=1>", stage.api(stage.stack.tokens["client"])
    clara.call("PATCH", "/v1/me", {"display_name": name})
    try:
        page.run(
            "[...document.querySelectorAll('#choices button')].find((each) => each.textContent === 'client').click()"
        )
        said(page, f"You are {name}, client.")
        call(page, "get_me")
        seen(
            page,
            "the answer",
            f"document.querySelector('[id$=-get_me] .live-responses-table')?.textContent.includes({name!r})",
        )
        assert page.run(f"typeof window.{RAN}") == "undefined"
    finally:
        clara.call("PATCH", "/v1/me", {"display_name": "Clara"})


@needs_chromium
def test_a_person_without_a_token_is_told_so(page: Page) -> None:
    page.run("document.querySelector('#choices button').click()")
    call(page, "get_wallet")
    said(page, "/v1/wallet: 401 unauthenticated.")


@needs_chromium
def test_nothing_is_loaded_from_elsewhere_nothing_is_amiss_and_the_page_fits(stage: Stage, page: Page) -> None:
    own = urlsplit(stage.stack.api_url).netloc
    asked = [each for each in page.requests if each.startswith("http")]
    assert asked[0].startswith(stage.stack.issuer.url), "the link of `make serve`"
    assert {urlsplit(each).netloc for each in asked[1:]} == {own}
    assert [each for each in page.complaints if "the server responded with a status of 40" not in each] == []
    assert page.run("document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"
