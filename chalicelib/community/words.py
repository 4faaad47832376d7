"""The list of words that nobody may write, which admins keep.

It is read for each post, so that a word holds for the next one wherever it is written.
"""

from collections.abc import Callable

from chalicelib.community.model import wordlist
from chalicelib.community.model.wordlist import WordList
from chalicelib.community.store import community_of
from chalicelib.gateways import World
from chalicelib.runtime import audit
from chalicelib.runtime.retries import undisturbed


def listed(world: World) -> WordList:
    """The list as it is."""
    return community_of(world).words()


def add(world: World, word: str, *, actor: str, reason: str) -> WordList:
    """Let nobody write that word from the next post on; audited. Raises Invalid, InvalidState."""
    return _edited(world, "word_added", word, wordlist.with_word, actor, reason)


def remove(world: World, word: str, *, actor: str, reason: str) -> WordList:
    """Let it be written again; audited. Raises NotFound."""
    return _edited(world, "word_removed", word, wordlist.without_word, actor, reason)


def _edited(
    world: World, action: str, word: str, decide: Callable[[WordList, str], WordList], actor: str, reason: str
) -> WordList:
    rows, at = community_of(world), world.now()
    said = audit.entry(
        world.settings.tables.audit,
        subject="words:community",
        action=action,
        actor=actor,
        reason=reason,
        at=at,
        detail={"word": word},
    )

    def attempt() -> WordList:
        was = rows.words()
        now = decide(was, word)
        if now != was:
            world.tables.write(rows.replace_words(now, was), said)
        return now

    return undisturbed(world.sleep, attempt)
