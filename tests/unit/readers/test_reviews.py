"""Reviews in the readers' table: the list, the stored average, and what an admin removes."""

from dataclasses import replace

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, NotFound
from chalicelib.readers import reviews
from chalicelib.readers import service as readers
from chalicelib.readers.reviews import Review
from chalicelib.runtime.tables import Operation
from tests.support.memory import MemoryTables
from tests.support.reading import READER, add_reader
from tests.support.worlds import NOON, hand_world

ADMIN = {"actor": "arn:admin", "reason": "ticket 7"}


def a_review(number: int = 1, rating: int = 4, reader: str = READER) -> Review:
    return Review(
        id=f"rev_{number}",
        reader=reader,
        session=f"ses_{number}",
        author=f"usr_{number}",
        name="Clara",
        rating=rating,
        text=f"Number {number}.",
        at=NOON + number,
    )


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables()


@pytest.fixture
def world(tables: MemoryTables) -> World:
    world = hand_world(tables)
    add_reader(world)
    return world


def rating(world: World) -> tuple[int, int]:
    reader = readers.reader(world, READER)
    return reader.rating_total, reader.rating_count


def shown(world: World) -> list[str]:
    return [each.id for each in reviews.page(world, READER, 100, None)[0]]


def test_reviews_are_listed_newest_first_page_by_page(world: World) -> None:
    for number in (3, 1, 12, 2):
        reviews.add(world, a_review(number))
    first, following = reviews.page(world, READER, 3, None)
    second, end = reviews.page(world, READER, 3, following)
    assert [each.id for each in first + second] == ["rev_12", "rev_3", "rev_2", "rev_1"]
    assert end is None


def test_each_readers_reviews_are_their_own(world: World) -> None:
    add_reader(world, "usr_other")
    reviews.add(world, a_review(1))
    reviews.add(world, a_review(2, reader="usr_other"))
    assert shown(world) == ["rev_1"]
    assert rating(world) == (4, 1)


def test_the_average_is_that_of_all_reviews(world: World) -> None:
    for number, stars in enumerate((5, 4, 4)):
        reviews.add(world, a_review(number, stars))
    assert rating(world) == (13, 3)
    assert readers.reader(world, READER).rating == 4.33


def test_a_review_raises_the_readers_rev_so_that_no_edit_is_lost(world: World) -> None:
    before = readers.reader(world, READER)
    reviews.add(world, a_review())
    assert readers.reader(world, READER).rev == before.rev + 1
    assert readers.reader(world, READER).description == before.description


def test_where_an_edit_of_the_profile_comes_between_both_are_kept(tables: MemoryTables) -> None:
    class Raced(MemoryTables):
        """The reader sets other rates just before the first review is written."""

        raced = True

        def write(self, *operations: Operation) -> None:
            if not self.raced:
                self.raced = True
                readers.set_rates(hand_world(self), READER, {"text": 200})
            super().write(*operations)

    racing = Raced()
    world = hand_world(racing)
    add_reader(world)
    racing.raced = False
    reviews.add(world, a_review())
    assert rating(world) == (4, 1)
    assert readers.reader(world, READER).rates == {"text": 200}


def test_the_same_review_is_added_once(world: World) -> None:
    first = reviews.add(world, a_review())
    assert reviews.add(world, replace(a_review(), at=NOON + 99, name="Else")) == first
    assert rating(world) == (4, 1)


@pytest.mark.parametrize("change", [{"rating": 5}, {"text": "Else."}, {"author": "usr_9"}, {"session": "ses_9"}])
def test_another_review_under_its_id_is_refused(world: World, change: dict[str, object]) -> None:
    reviews.add(world, a_review())
    with pytest.raises(AlreadyDone):
        reviews.add(world, replace(a_review(), **change))  # type: ignore[arg-type]  # each fits its field
    assert rating(world) == (4, 1)


def test_of_nobody_there_is_no_review(world: World) -> None:
    with pytest.raises(NotFound):
        reviews.add(world, a_review(reader="usr_none"))


# --- removed for cause


def test_a_removed_review_leaves_the_list_and_the_average_and_is_kept(world: World, tables: MemoryTables) -> None:
    for number, stars in enumerate((5, 1, 4)):
        reviews.add(world, a_review(number, stars))
    removed = reviews.remove(world, "rev_1", **ADMIN)
    assert shown(world) == ["rev_2", "rev_0"]
    assert rating(world) == (9, 2)
    assert reviews.review(world, "rev_1") == removed
    assert (removed.text, removed.standing) == ("Number 1.", "removed")


def test_a_removal_is_audited_once_without_what_was_written(world: World, tables: MemoryTables) -> None:
    reviews.add(world, a_review())
    first = reviews.remove(world, "rev_1", **ADMIN)
    assert reviews.remove(world, "rev_1", **ADMIN) == first
    (told,) = tables.rows["audit"].values()
    assert (told["pk"], told["action"], told["actor"], told["reason"]) == (
        "rev_1",
        "review_removed",
        "arn:admin",
        "ticket 7",
    )
    assert told["detail"] == {"reader": READER, "session": "ses_1", "rating": 4}
    assert rating(world) == (0, 0)
    assert readers.reader(world, READER).rating is None


def test_a_removed_review_is_not_written_again_nor_replied_to(world: World) -> None:
    reviews.add(world, a_review())
    reviews.remove(world, "rev_1", **ADMIN)
    with pytest.raises(AlreadyDone):
        reviews.add(world, a_review())
    with pytest.raises(NotFound):
        reviews.reply(world, "rev_1", READER, "Thanks.")
    assert (shown(world), rating(world)) == ([], (0, 0))


def test_a_reply_goes_with_the_review(world: World) -> None:
    reviews.add(world, a_review())
    reviews.reply(world, "rev_1", READER, "Thanks.")
    assert reviews.remove(world, "rev_1", **ADMIN).reply == "Thanks."


def test_where_a_reply_comes_between_the_removal_takes_both() -> None:
    class Raced(MemoryTables):
        raced = True

        def write(self, *operations: Operation) -> None:
            if not self.raced:
                self.raced = True
                reviews.reply(hand_world(self), "rev_1", READER, "Thanks.")
            super().write(*operations)

    racing = Raced()
    world = hand_world(racing)
    add_reader(world)
    reviews.add(world, a_review())
    racing.raced = False
    removed = reviews.remove(world, "rev_1", **ADMIN)
    assert (removed.reply, rating(world), shown(world)) == ("Thanks.", (0, 0), [])
