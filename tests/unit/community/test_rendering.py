"""Posts are a small Markdown, and whatever somebody writes, what is shown is only what the lists let through."""

from __future__ import annotations

import sys
from html.parser import HTMLParser

import pytest

from chalicelib.community.model.thread import LONGEST_TEXT
from chalicelib.community.rendering import html_of

REL = 'rel="nofollow ugc noopener noreferrer"'


class Seen(HTMLParser):
    """The tags and attributes that a browser would find."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* **b** `c`", "<p><em>a</em> <strong>b</strong> <code>c</code></p>"),
        ("a\nb\n\nc", "<p>a<br>\nb</p>\n<p>c</p>"),
        ("- a\n  - b", "<ul>\n<li>a\n<ul>\n<li>b</li>\n</ul>\n</li>\n</ul>"),
        ("7. a\n8. b", '<ol start="7">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
        ("```py\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>"),
        ("[a](https://b.example/c?d=1&e)", f'<p><a href="https://b.example/c?d=1&amp;e" {REL}>a</a></p>'),
        ("<HTTP://b.example>", f'<p><a href="HTTP://b.example" {REL}>HTTP://b.example</a></p>'),
        ("&lt; \\*a\\*", "<p>&lt; *a*</p>"),
        ("", ""),
    ],
)
def test_what_there_is(text: str, html: str) -> None:
    assert html_of(text) == html


@pytest.mark.parametrize("text", ["# a", "---", "a\n===", "    a", "a | b\n--|--\nc | d", "https://b.example"])
def test_the_rest_of_markdown_is_text(text: str) -> None:
    seen = Seen()
    seen.feed(html_of(text))
    assert seen.tags <= {"p", "br"}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![a](https://b.example/c.png)",
        "![a][b]\n\n[b]: https://b.example/c.png",
        "[a](https://b.example 'a title')",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](java\nscript:alert(1))",
        "[a](&#106;avascript:alert(1))",
        "[a](\\x6aavascript:alert(1))",
        "[a](data:text/html;base64,PHNjcmlwdD4=)",
        "[a](vbscript:x)",
        "[a](file:///etc/passwd)",
        "[a](mailto:b@c.example)",
        "[a](//b.example)",
        "[a](/v1/me)",
        "[a](#b)",
        "<javascript:alert(1)>",
        "<b onmouseover=alert(1)>a</b>",
        "<a href='javascript:alert(1)'>a</a>",
        "<iframe srcdoc='<script>alert(1)</script>'>",
        "<svg/onload=alert(1)>",
        "<!-- a --><style>*{display:none}</style>",
        "```\n</code></pre><script>alert(1)</script>\n```",
        '```"><script>alert(1)</script>\na\n```',
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "`<script>alert(1)</script>`",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    ],
)
def test_no_tag_and_no_address_but_those_on_the_lists(text: str) -> None:
    seen = Seen()
    seen.feed(html_of(text))
    seen.close()
    assert seen.tags <= {"a", "br", "code", "p", "pre"}
    assert all(name in ("href", "rel") for name, _ in seen.attributes)
    assert all(str(value).startswith("https://b.example") for name, value in seen.attributes if name == "href")


def test_an_address_cannot_break_out_of_its_quotes() -> None:
    html = html_of('[a](https://b.example/"onmouseover=alert(1)//) [c](<https://d.example/" onclick="e>)')
    assert html.count('"') == 8
    assert "&quot;" not in html
    assert "%22onmouseover" in html


@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "*",
        ">",
        "_a",
        "*a ",
        "[a](",
        "![",
        "`",
        "- ",
        "> - ",
        "&",
        "<",
        "**a*",
        "](",
        "[]",
        "*_",
        "a*_",
        "<http://",
        "\\",
    ],
)
def test_the_worst_of_texts_take_as_much_as_they_are_long(unit: str) -> None:
    """Ten times the length is ten times the calls, and not a hundred times."""
    few, many = (calls((unit * length)[:length]) for length in (LONGEST_TEXT // 40, LONGEST_TEXT // 4))
    assert many < 20 * few


def calls(text: str) -> int:
    """Of functions, while it is rendered."""
    made = 0

    def count(*_: object) -> None:
        nonlocal made
        made += 1

    html_of("")  # what it reads first
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        html_of(text)
    finally:
        sys.setprofile(before)
    return made


def test_nesting_ends() -> None:
    assert html_of(">" * 10_000).count("<blockquote>") <= 20
    assert html_of("- " * 5_000).count("<ul>") <= 20
