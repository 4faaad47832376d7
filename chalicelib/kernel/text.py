"""What people write about themselves, made safe to show beside what others wrote.

Characters that change how their neighbours are read are taken out: control characters, bidirectional overrides
and isolates (which can make one name look like another), invisible format characters, private and unassigned
ones. The two joiners stay: Persian, the Indic scripts and family emoji are spelled with them.
"""

import re
import unicodedata
from typing import Final

_JOINERS: Final = frozenset("\u200c\u200d")
_SPACES: Final = frozenset({"Zs", "Zl", "Zp"})
_BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by category that show nothing: the Hangul fillers and the blank of Braille."""
_VISIBLE: Final = frozenset("LNPS")
_TAB: Final = 4
"""Columns, as Markdown counts them."""
_WORD: Final = re.compile(r"[^\W_]+")
_LANGUAGE: Final = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.IGNORECASE | re.ASCII)


def one_line(text: str) -> str:
    """The text on one line, single-spaced; empty if nothing in it can be seen."""
    cleaned = " ".join("".join(_kept(each) for each in unicodedata.normalize("NFC", text)).split())
    return cleaned if any(unicodedata.category(each)[0] in _VISIBLE for each in cleaned) else ""


def paragraphs(text: str) -> str:
    """The text with its line breaks, at most one empty line in a row; empty if nothing in it can be seen."""
    lines = "\n".join(one_line(line) for line in text.replace("\r\n", "\n").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def document(text: str) -> str:
    """The text with its lines and what they begin with, for Markdown; at most one empty line in a row; empty if nothing
    in it can be seen.
    """
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    lines = "\n".join("".join(map(_kept, line.expandtabs(_TAB))).rstrip() for line in normal.split("\n"))
    cleaned = re.sub(r"\n{3,}", "\n\n", lines).strip("\n")
    return cleaned if any(unicodedata.category(each)[0] in _VISIBLE for each in cleaned) else ""


def language_tag(text: str) -> str | None:
    """``EN_us`` as ``en-US``: language, script and region of BCP 47 in their usual case; None if it is no such tag."""
    match = _LANGUAGE.fullmatch(text.replace("_", "-"))
    if not match:
        return None
    language, script, region = match.groups()
    return "-".join(part for part in (language.lower(), script and script.title(), region and region.upper()) if part)


def folded(text: str) -> str:
    """The text as a search or an order compares it: ``Émile`` as ``emile``, ``Straße`` as ``strasse``."""
    taken_apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", "".join(each for each in taken_apart if unicodedata.category(each)[0] != "M"))


def words(text: str) -> tuple[str, ...]:
    """The words of the text, each once, folded, in their order: runs of letters and digits."""
    return tuple(dict.fromkeys(_WORD.findall(folded(text))))


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if category in _SPACES or character in "\t\n" or character in _BLANKS:
        return " "
    return "" if category[0] == "C" and character not in _JOINERS else character
