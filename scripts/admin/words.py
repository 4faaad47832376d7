"""The verbs of the list of words that nobody may write in the community."""

from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.community import words
from chalicelib.community.model.wordlist import WordList, with_word, without_word
from chalicelib.gateways import World
from scripts.admin.asking import WHY, Answer, Plan, Verb, a_text, takes_nothing


def list_words(world: World, asked: Namespace) -> Answer:
    """As admins wrote them; however they are spelled, they are found."""
    del asked
    return Answer([{"word": each} for each in words.listed(world).words])


def try_words(world: World, asked: Namespace) -> Answer:
    """Which words of the list a text has in it. Nothing is written."""
    return Answer([{"word": each} for each in words.listed(world).found_in(asked.text)])


def add_word(world: World, asked: Namespace) -> Plan:
    """What was posted before stays."""
    was = words.listed(world)
    now = with_word(was, asked.word)  # what is not acceptable is refused before it is confirmed

    def act(operator: str, reason: str) -> Answer:
        return _counted(words.add(world, asked.word, actor=operator, reason=reason))

    return Plan((f"let nobody write {asked.word}",) if now != was else (), act)


def remove_word(world: World, asked: Namespace) -> Plan:
    """In whatever spelling it is on the list."""
    without_word(words.listed(world), asked.word)

    def act(operator: str, reason: str) -> Answer:
        return _counted(words.remove(world, asked.word, actor=operator, reason=reason))

    return Plan((f"let people write {asked.word} again",), act)


def _counted(found: WordList) -> Answer:
    return Answer([{"words": len(found.words)}])


def _takes_word(parser: ArgumentParser) -> None:
    parser.add_argument("word", type=a_text, metavar="WORD", help="one word of letters and digits")


def _takes_text(parser: ArgumentParser) -> None:
    parser.add_argument("text", type=a_text, metavar="TEXT", help="what somebody might write")


VERBS: Final = (
    Verb(
        "words",
        "list",
        "List the words that nobody may write in the community.",
        ("words list --stage prod", "words list --local --json"),
        takes_nothing,
        list_words,
    ),
    Verb(
        "words",
        "test",
        "Tell which words of the list a text has in it, in whatever spelling.",
        ("words test 'what somebody might write' --stage prod",),
        _takes_text,
        try_words,
    ),
    Verb(
        "words",
        "add",
        "Let nobody write a word any more. What was posted before stays.",
        (f"words add badword --stage prod {WHY}",),
        _takes_word,
        add_word,
        changes=True,
    ),
    Verb(
        "words",
        "remove",
        "Let people write a word again.",
        (f"words remove badword --stage prod {WHY}",),
        _takes_word,
        remove_word,
        changes=True,
    ),
)
