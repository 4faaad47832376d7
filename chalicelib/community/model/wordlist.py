"""The words that nobody may write, found however they are spelled.

A text is folded to what a reader takes it for: look-alikes of other scripts (Unicode's own table of them, UTS 39, by
``disarm``), accents, letters in circles, invisible signs between letters, case. Then digits and signs count as the
letters that they stand for, and a letter that is drawn out as one that is not. Only whole words are looked at, so that
Scunthorpe may be named, and a number is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from operator import ge
from typing import Final

from chalicelib.kernel.errors import Invalid, InvalidState, NotFound
from chalicelib.kernel.text import one_line

SHORTEST: Final = 2
LONGEST: Final = 40
MOST: Final = 1_000
"""The list is one row, and is read for each post."""

_TAKEN_FOR: Final = str.maketrans("0134578@$!+i", "oleastbaslt" + "l")
"""``i`` and ``l`` are one letter: a capital of the one looks like the other."""
_ALIKE: Final = frozenset("il")
_PLAIN: Final = re.compile(r"[^\W_]+")
_SIGNED: Final = re.compile(r"(?:[^\W_]|[@$!+])+")
_AT_THE_END: Final = "!+"
"""There these are what they are."""

Run = tuple[int, ...]
"""How often a letter stands there in a row; of one that is written with ``i`` and ``l``, how often each in its turn."""
Spelling = tuple[str, tuple[Run, ...]]
"""The letters of a word without their repetitions, and their runs."""


@dataclass(frozen=True, slots=True)
class WordList:
    """The words as admins wrote them, and the number of the write."""

    words: tuple[str, ...] = ()
    rev: int = 0

    def found_in(self, text: str) -> tuple[str, ...]:
        """The listed words that the text has in it, each once, in the order of the list."""
        known = _by_letters(self.words)
        found = {
            word
            for letters, runs in _spellings(text)
            for word, least in known.get(letters, ())
            if all(map(_is_drawn_out, runs, least))
        }
        return tuple(each for each in self.words if each in found)


def must_be_welcome(words: WordList, **fields: str) -> None:
    """Raises Invalid naming the fields that have a listed word in them, and not the word."""
    at_fault = [name for name, text in fields.items() if words.found_in(text)]
    if at_fault:
        raise Invalid(errors=tuple({"field": name, "message": _UNWELCOME} for name in at_fault))


_UNWELCOME: Final = "This has a word in it that is not welcome here."


def with_word(words: WordList, word: str) -> WordList:
    """The list with that word; as it was where it is on it, in whatever spelling.

    Raises Invalid for what is not one word of 2 to 40 letters and digits, InvalidState beyond 1,000.
    """
    written = one_line(word).casefold()
    if _spelling_of(written) is None or not SHORTEST <= len(written) <= LONGEST:
        fault = f"One word of {SHORTEST} to {LONGEST} letters and digits."
        raise Invalid(errors=({"field": "word", "message": fault},))
    if _read(written) in map(_read, words.words):
        return words
    if len(words.words) >= MOST:
        raise InvalidState(f"The list has {MOST:,} words. Take some off it.")
    return replace(words, words=tuple(sorted((*words.words, written))), rev=words.rev + 1)


def without_word(words: WordList, word: str) -> WordList:
    """The list without that word, in whatever spelling. Raises NotFound where it is not on it."""
    taken = _read(one_line(word).casefold())
    left = tuple(each for each in words.words if _read(each) != taken)
    if left == words.words:
        raise NotFound("This word is not on the list.")
    return replace(words, words=left, rev=words.rev + 1)


def _spelling_of(word: str) -> Spelling | None:
    """The spelling of a single word; None for anything else."""
    folded = _folded(word)
    return _spelling(folded) if _PLAIN.fullmatch(folded) and _is_word(folded) else None


def _read(word: str) -> tuple[str, tuple[int, ...]] | None:
    """What a word is taken for, however it is spelled."""
    spelling = _spelling_of(word)
    return spelling and (spelling[0], tuple(map(sum, spelling[1])))


@lru_cache(maxsize=2)
def _by_letters(words: tuple[str, ...]) -> dict[str, list[tuple[str, tuple[Run, ...]]]]:
    """The listed words by their letters. A list is kept until it changes, and not folded anew for each post."""
    known: dict[str, list[tuple[str, tuple[Run, ...]]]] = {}
    for word in words:
        if spelling := _spelling_of(word):
            known.setdefault(spelling[0], []).append((word, spelling[1]))
    return known


def _spellings(text: str) -> Iterator[Spelling]:
    """Of each word of the text, once, read twice: signs as what is between words, and as letters."""
    folded = _folded(text)
    for pattern in (_PLAIN, _SIGNED):
        for word in set(pattern.findall(folded)):  # one sign may stand for many words, and 10,000 for 90,000
            if _is_word(word):
                yield _spelling(word.strip(_AT_THE_END))


def _is_word(written: str) -> bool:
    return any(each.isalpha() for each in written)


def _spelling(word: str) -> Spelling:
    runs = [(letter, "".join(run)) for letter, run in groupby(word, lambda each: each.translate(_TAKEN_FOR))]
    return "".join(letter for letter, _ in runs), tuple(_run(written) for _, written in runs)


def _run(written: str) -> Run:
    if not set(written) >= _ALIKE:
        return (len(written),)
    return tuple(len(list(part)) for _, part in groupby(written))


def _is_drawn_out(run: Run, least: Run) -> bool:
    """Whether a run is one of a listed word, or that drawn out. With both ``i`` and ``l`` in it, it is not one of the
    two drawn out: a tilt is something else than what ``tiit`` is.
    """
    if len(run) == 1:
        return run[0] >= sum(least)
    return sum(run) == sum(least) or (len(run) == len(least) and all(map(ge, run, least)))


def _folded(text: str) -> str:
    import disarm  # reads its metadata (45 ms), and only who writes needs it

    # Twice, for a look-alike of one case may be known in the other only.
    return disarm.strip_obfuscation(disarm.strip_obfuscation(text).casefold()).casefold()
