"""The verb of reviews."""

from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.gateways import World
from chalicelib.readers import reviews
from scripts.admin.asking import WHY, Answer, Plan, Verb, an_id


def remove_review(world: World, asked: Namespace) -> Plan:
    """It is kept, and shown to nobody; the reading cannot be reviewed again."""
    review = reviews.review(world, asked.review)

    def act(operator: str, reason: str) -> Answer:
        removed = reviews.remove(world, review.id, actor=operator, reason=reason)
        return Answer([{"id": removed.id, "reader": removed.reader, "rating": removed.rating, "removed": True}])

    will = f"take the review {review.id} ({review.rating} of 5) out of the list and the rating of {review.reader}"
    return Plan((will,) if review.standing != "removed" else (), act)


def _takes_review(parser: ArgumentParser) -> None:
    parser.add_argument("review", type=an_id, metavar="ID", help="the review's id, rev_…")


VERBS: Final = (
    Verb(
        "reviews",
        "remove",
        "Take a review out of the list and the rating, for cause.",
        (f"reviews remove rev_… --stage prod {WHY}",),
        _takes_review,
        remove_review,
        changes=True,
    ),
)
