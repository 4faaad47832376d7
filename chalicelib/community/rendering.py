"""The small Markdown of posts as HTML that is safe to show: emphasis, lists, quotes, links and code; nothing else.

markdown-it makes it with raw HTML off, so that what a person wrote is text; nh3 (the sanitizer ammonia) then lets
through what is on its list, whatever was made. A link leads out by http or https, and says that it is a stranger's.

10,000 characters of the worst that we know (``[[[[…``) take a tenth of a second: time grows with length, and nesting
ends at 20.
"""

from __future__ import annotations

from functools import cache
from html import unescape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_RULES: Final = (
    *("blockquote", "fence", "list"),
    *("autolink", "backticks", "balance_pairs", "emphasis", "entity", "escape", "fragments_join", "link", "newline"),
)
_TAGS: Final = frozenset({"a", "blockquote", "br", "code", "em", "li", "ol", "p", "pre", "strong", "ul"})
_ATTRIBUTES: Final = {"a": {"href"}, "ol": {"start"}, "*": set[str]()}
"""``*`` is for any tag: the library would let titles and languages through."""
_SCHEMES: Final = frozenset({"http", "https"})
_OUTSIDE: Final = ("http://", "https://")
_REL: Final = "nofollow ugc noopener noreferrer"


def html_of(text: str) -> str:
    """The text as HTML, without script, image, style, or any tag or address that is not on the lists above."""
    import nh3

    return nh3.clean(
        _markdown().render(text),
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=set(_SCHEMES),
        link_rel=_REL,
    ).strip()


def read_as(text: str) -> str:
    """What people read of it: letters in emphasis, entities and links stand together, as they will be shown."""
    import nh3

    return unescape(nh3.clean(_markdown().render(text), tags=set()))


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("zero", {"html": False, "linkify": False, "breaks": True, "maxNesting": 20}).enable(list(_RULES))
    # What leads elsewhere, into the app itself or by another scheme, stays the text that it is.
    made.validateLink = lambda url: url.lower().startswith(_OUTSIDE)  # type: ignore[method-assign]
    return made
