"""What was reported of one person, for who looks into their affairs."""

from dataclasses import replace

from chalicelib.moderation import service as moderation
from tests.support.desk import Desk
from tests.support.worlds import hand_world


def test_the_cases_of_a_persons_things_are_theirs_alone_and_newest_first() -> None:
    desk = Desk(hand_world()).opened()
    other = replace(desk, own="2").opened()
    desk.reports("usr_1")
    desk.forward(1_000).dismisses()
    desk.forward(1_000).reports("usr_2")
    other.reports("usr_1")
    assert [each.round for each in moderation.cases_against(desk.world, desk.author, 10)] == [2, 1]
    assert [each.round for each in moderation.cases_against(desk.world, desk.author, 1)] == [2]
    assert [each.author for each in moderation.cases_against(desk.world, other.author, 10)] == [other.author]
    assert moderation.cases_against(desk.world, desk.reader, 10) == []
