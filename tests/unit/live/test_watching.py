"""Who may watch a stream, with what token, who counts as there, and who keeps order."""

from __future__ import annotations

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.kernel.errors import Forbidden
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.live import looking, moderating, service, tickets, watching
from chalicelib.live.model import access
from chalicelib.live.model import stream as model
from chalicelib.live.model import viewer as viewers
from chalicelib.live.model.stream import Stream
from chalicelib.live.model.terms import Barred, Visibility
from chalicelib.live.model.viewer import Viewer
from tests.support.air import HOST, STREAM, Air, code, privileges, wanted
from tests.support.people import person
from tests.support.worlds import NOON, HandClock

ANNA, BEN, MO = "usr_anna", "usr_ben", "usr_mo"


@pytest.fixture
def air() -> Air:
    return Air().known(HOST, ANNA, BEN, MO)


def ban(air: Air, user: str, by: str = HOST, *, on: bool = True) -> str:
    return code(lambda: moderating.ban(air.world, STREAM, by, user, banned=on))


def mute(air: Air, user: str, by: str = HOST, *, on: bool = True) -> str:
    return code(lambda: moderating.mute(air.world, STREAM, by, user, muted=on))


def appoint(air: Air, user: str, by: str = HOST, *, on: bool = True) -> str:
    return code(lambda: moderating.appoint(air.world, STREAM, by, user, moderator=on))


# --- the rule ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("visibility", "user", "facts", "why"),
    [
        ("public", ANNA, "", None),
        ("public", ANNA, "banned", "banned"),
        ("public", ANNA, "blocked", "blocked"),
        ("public", ANNA, "banned blocked", "banned"),
        ("private", ANNA, "", "not_invited"),
        ("private", ANNA, "invited", None),
        ("private", ANNA, "ticket", "not_invited"),
        ("private", ANNA, "banned blocked", "not_invited"),
        ("private", ANNA, "invited banned", "banned"),
        ("private", MO, "", None),
        ("private", MO, "banned", "banned"),
        ("premium", ANNA, "", "no_ticket"),
        ("premium", ANNA, "ticket", None),
        ("premium", ANNA, "invited", "no_ticket"),
        ("premium", ANNA, "ticket blocked", "blocked"),
        ("premium", MO, "", "no_ticket"),
        ("private", HOST, "banned blocked", None),
        ("premium", HOST, "", None),
    ],
)
def test_who_may_watch(visibility: Visibility, user: str, facts: str, why: Barred | None) -> None:
    stream = Stream(STREAM, HOST, "Host", "x", visibility, None, NOON, NOON, NOON, moderators=(MO,))
    told = {name: name in facts.split() for name in ("banned", "blocked", "invited", "ticket")}
    assert access.barred(stream, user, **told) == why


def test_each_refusal_has_its_code() -> None:
    whys: list[Barred] = ["banned", "blocked", "not_invited", "no_ticket"]
    found = [access.refusal(why) for why in whys]
    assert [each.code for each in found] == ["forbidden", "blocked", "forbidden", "forbidden"]
    assert len({each.detail for each in found}) == 4


# --- joining -------------------------------------------------------------------------------------


def test_a_viewers_token_hears_and_does_not_publish(air: Air) -> None:
    air.live()
    lease = air.joins(ANNA)
    assert privileges(lease) == {1}
    assert lease.expires_at == NOON + 60 * MINUTE
    assert (lease.channel, lease.uid >= 1_000, lease.uid < 2**32) == (STREAM, True, True)
    assert lease.rtm_token


def test_a_viewer_keeps_their_number_and_it_is_nobody_elses(air: Air) -> None:
    air.live()
    anna, ben = air.joins(ANNA).uid, air.joins(BEN).uid
    assert anna == air.joins(ANNA).uid != ben
    assert air.rows.whose(STREAM, anna) == ANNA


def test_a_number_that_is_somebody_elses_is_not_given_again(air: Air) -> None:
    air.live()
    first = viewers.uid_of(Viewer(STREAM, BEN), 0)
    air.world.tables.write(air.rows.take_uid(Viewer(STREAM, ANNA, uid=first)))
    assert air.joins(BEN).uid == viewers.uid_of(Viewer(STREAM, BEN), 1) != first


def test_nobody_joins_before_it_is_live_or_after(air: Air) -> None:
    air.scheduled()
    assert code(lambda: air.joins(ANNA)) == "invalid_state"
    service.start(air.world, STREAM, HOST)
    assert code(lambda: air.joins(ANNA)) == ""
    service.end(air.world, STREAM, HOST)
    assert code(lambda: air.joins(ANNA)) == "invalid_state"
    assert code(lambda: watching.join(air.world, "str_none", ANNA)) == "not_found"


def test_a_private_one_is_for_who_is_invited_and_who_keeps_order(air: Air) -> None:
    air.live("private", invited=(ANNA,))
    assert code(lambda: air.joins(BEN)) == "forbidden"
    assert code(lambda: air.joins(ANNA)) == ""
    appoint(air, MO)
    assert code(lambda: air.joins(MO)) == ""
    service.invite(air.world, STREAM, HOST, [BEN])
    assert code(lambda: air.joins(BEN)) == ""


def test_a_premium_one_is_for_who_has_a_ticket(air: Air) -> None:
    air.live("premium")
    assert code(lambda: air.joins(ANNA)) == "forbidden"
    assert code(lambda: air.ticket(ANNA).joins(ANNA)) == ""


@pytest.mark.parametrize("blocker", [HOST, ANNA])
def test_a_blocked_pair_does_not_meet(air: Air, blocker: str) -> None:
    air.live()
    air.joins(ANNA)
    accounts.block(air.world, blocker, ANNA if blocker == HOST else HOST)
    assert code(lambda: air.joins(ANNA)) == "blocked"  # a renewal checks everything again


def test_the_hosts_join_is_a_token_to_publish(air: Air) -> None:
    air.live()
    assert privileges(air.joins(HOST)) == {1, 2, 3, 4}
    assert air.joins(HOST).uid == 1


def test_looking_says_whether_one_may_join_and_why_not(air: Air) -> None:
    air.scheduled("premium")

    def seen(user: str | None) -> Barred | None:
        return looking.current(air.world, STREAM, user).barred

    assert (seen(None), seen(ANNA), seen(HOST)) == ("signed_out", "no_ticket", "not_live")
    air.ticket(ANNA)
    assert seen(ANNA) == "not_live"
    service.start(air.world, STREAM, HOST)
    assert (seen(ANNA), seen(HOST)) == (None, None)


@pytest.mark.parametrize("finalized", [False, True])
def test_of_one_that_is_over_just_that_is_told(air: Air, *, finalized: bool) -> None:
    air.live("premium")
    ban(air, MO)
    accounts.block(air.world, BEN, HOST)
    ended = model.finished(service.load(air.world, STREAM), air.world.now())
    over = model.finalized(ended, air.world.now()) if finalized else ended
    for user in (None, ANNA, MO, BEN, HOST):
        assert looking.as_seen_by(air.world, over, user).barred == "not_live"


def test_a_private_one_that_is_over_does_not_show_to_strangers_either(air: Air) -> None:
    air.live("private", invited=(ANNA,))
    service.end(air.world, STREAM, HOST)
    for stranger in (BEN, None):
        with pytest.raises(Forbidden, match="invited"):
            looking.current(air.world, STREAM, stranger)
    assert looking.current(air.world, STREAM, ANNA).barred == "not_live"


def test_a_private_one_does_not_show_to_strangers(air: Air) -> None:
    air.live("private", invited=(ANNA,))
    ban(air, MO)
    accounts.block(air.world, BEN, HOST)
    for stranger in (BEN, MO, None):
        with pytest.raises(Forbidden, match="invited"):
            looking.current(air.world, STREAM, stranger)
    assert looking.current(air.world, STREAM, ANNA).barred is None
    assert looking.current(air.world, STREAM, HOST).barred is None


def test_nor_to_who_is_invited_and_may_not_watch_it(air: Air) -> None:
    air.live("private", invited=(ANNA, BEN))
    ban(air, ANNA)
    accounts.block(air.world, BEN, HOST)
    assert code(lambda: looking.current(air.world, STREAM, ANNA)) == "forbidden"
    assert code(lambda: looking.current(air.world, STREAM, BEN)) == "blocked"


def test_a_stranger_does_not_learn_how_a_private_one_stands(air: Air) -> None:
    air.scheduled("private")
    for _ in range(2):
        assert code(lambda: air.joins(BEN)) == "forbidden"
        assert (ban(air, ANNA, BEN), mute(air, ANNA, BEN), appoint(air, ANNA, BEN)) == ("forbidden",) * 3
        nobody = (ban(air, "usr_none", BEN), mute(air, "usr_none", BEN), appoint(air, "usr_none", BEN))
        assert nobody == ("forbidden",) * 3
        assert code(lambda: tickets.buy(air.world, BEN, STREAM, "tkt_1")) == "forbidden"
        service.end(air.world, STREAM, HOST)


# --- who is there --------------------------------------------------------------------------------


def test_a_token_is_no_presence_and_a_notice_is(air: Air) -> None:
    air.live()
    uid = air.joins(ANNA).uid
    assert air.audience() == (0, 0)
    air.told(uid, joined=True)
    assert (air.audience(), air.viewer(ANNA).present) == ((1, 1), True)
    air.told(uid, joined=False)
    assert (air.audience(), air.viewer(ANNA).present) == ((0, 1), False)


def test_who_is_there_counts_once_whatever_is_told_again(air: Air) -> None:
    air.live()
    uid = air.comes(ANNA)
    air.told(uid, joined=True)
    air.told(uid, joined=True, seq=1)
    air.told(uid, joined=False, seq=1)
    assert air.audience() == (1, 1)


def test_the_host_is_no_viewer(air: Air) -> None:
    air.live()
    assert air.audience() == (0, 0)


def test_the_peak_is_the_most_at_once(air: Air) -> None:
    air.live()
    uids = [air.comes(f"usr_{number}") for number in range(5)]
    for uid in uids[:4]:
        air.told(uid, joined=False)
    air.comes("usr_late")
    assert air.audience() == (2, 5)


def test_who_says_that_they_leave_is_gone_until_they_come_again(air: Air) -> None:
    air.live()
    uid = air.comes(ANNA)
    watching.leave(air.world, STREAM, ANNA)
    watching.leave(air.world, STREAM, ANNA)
    assert air.audience() == (0, 1)
    air.told(uid, joined=False)
    air.told(uid, joined=True)
    assert air.audience() == (1, 1)


def test_leaving_what_one_never_was_in_leaves_no_trace(air: Air) -> None:
    air.live()
    watching.leave(air.world, STREAM, BEN)
    assert air.viewer(BEN).rev == 0


def test_a_notice_of_nobodys_number_or_of_a_stream_that_is_over_changes_nothing(air: Air) -> None:
    air.live()
    uid = air.comes(ANNA)
    air.told(4_242, joined=True)
    service.end(air.world, STREAM, HOST)
    air.told(uid, joined=False)
    assert air.audience() == (1, 1)
    assert looking.current(air.world, STREAM, ANNA).viewers == 0


def test_where_no_token_can_be_made_nobody_has_a_place(air: Air) -> None:
    air.live()
    air.agora.unset = True
    assert code(lambda: air.joins(ANNA)) == "provider_failed"
    assert air.viewer(ANNA).rev == 0


# --- keeping order -------------------------------------------------------------------------------


@pytest.mark.parametrize("blocker", [HOST, MO])
def test_a_moderator_and_a_host_who_blocked_each_other_keep_no_order_together(air: Air, blocker: str) -> None:
    air.live()
    appoint(air, MO)
    accounts.block(air.world, blocker, MO if blocker == HOST else HOST)
    assert (ban(air, ANNA, MO), mute(air, ANNA, MO)) == ("blocked", "blocked")
    assert not air.viewer(ANNA).banned
    assert appoint(air, MO, on=False) == ""
    assert appoint(air, MO) == "blocked"


def test_who_has_left_is_made_no_moderator_and_may_be_one_no_more(air: Air) -> None:
    air.live()
    person(air.world, "usr_gone", "deleted")
    assert appoint(air, "usr_gone") == "invalid_state"
    assert appoint(air, "usr_gone", on=False) == ""
    assert appoint(air, "usr_nobody") == "not_found"


def test_who_is_muted_gets_no_token_to_write_with(air: Air) -> None:
    air.live()
    assert mute(air, ANNA) == ""
    lease = air.joins(ANNA)
    assert (lease.rtm_token, privileges(lease)) == (None, {1})
    assert mute(air, ANNA, on=False) == ""
    assert air.joins(ANNA).rtm_token


def test_who_is_banned_is_put_out_for_as_long_as_their_token_lives_and_comes_no_more(air: Air) -> None:
    air.live()
    uid = air.comes(ANNA)
    air.forward(10 * MINUTE)
    assert ban(air, ANNA) == ""
    assert air.agora.bars == {(STREAM, uid): 51 * MINUTE}
    assert air.audience() == (0, 1)
    assert code(lambda: air.joins(ANNA)) == "forbidden"
    assert code(lambda: watching.watched(air.world, STREAM, ANNA)) == "forbidden"
    air.told(uid, joined=True)
    assert air.audience() == (0, 1)
    assert air.waiting("removal") == set()


def test_a_ban_that_agora_does_not_carry_out_is_owed_until_it_does(air: Air) -> None:
    air.live()
    uid = air.comes(ANNA)
    air.agora.down = True
    assert ban(air, ANNA) == ""
    assert air.waiting("removal") == {ANNA}
    assert code(lambda: air.joins(ANNA)) == "forbidden"
    air.agora.down = False
    air.forward(MINUTE)
    moderating.put_out(air.world, STREAM, ANNA)
    assert air.agora.bars == {(STREAM, uid): 60 * MINUTE}
    assert air.waiting("removal") == set()


def test_who_is_let_in_again_gets_another_number_for_the_old_one_is_barred(air: Air) -> None:
    air.live()
    old = air.comes(ANNA)
    ban(air, ANNA)
    assert ban(air, ANNA, on=False) == ""
    new = air.comes(ANNA)
    assert new != old
    assert air.audience() == (1, 1)
    air.told(old, joined=False)
    assert air.audience() == (1, 1)


def test_who_goes_on_being_owed_is_not_let_in_for_ever(air: Air) -> None:
    air.live()
    air.agora.down = True
    for number in range(8):
        air.joins(ANNA)
        assert ban(air, ANNA) == ""
        assert len(air.viewer(ANNA).owed) == number + 1
        assert ban(air, ANNA, on=False) == ("" if number < 7 else "invalid_state")


def test_a_token_that_has_just_ended_counts_as_open_for_another_minute(air: Air) -> None:
    air.live()
    uid = air.comes(ANNA)
    for at, asked in ((61 * MINUTE - 1, [(STREAM, uid)]), (61 * MINUTE, [])):
        air.agora.removed.clear()
        service.publish(air.world, STREAM, HOST)
        assert isinstance(air.world.now, HandClock)
        air.world.now.now = NOON + at
        assert ban(air, ANNA) == ""
        assert air.agora.removed == asked
        ban(air, ANNA, on=False)
        air.world.now.now = NOON
        air.joins(ANNA)


def test_a_ban_of_who_holds_no_token_asks_nothing_of_agora(air: Air) -> None:
    air.live()
    assert ban(air, ANNA) == ""
    assert (air.agora.removed, air.viewer(ANNA).banned) == ([], True)


def test_banning_and_muting_twice_is_once(air: Air) -> None:
    air.live()
    air.comes(ANNA)
    for _ in range(2):
        assert (ban(air, ANNA), mute(air, ANNA)) == ("", "")
    assert len(air.agora.removed) == 1
    assert air.viewer(ANNA).rev == 5  # joined, came, was banned, was put out, was muted


def test_the_host_and_moderators_keep_order_and_nobody_else(air: Air) -> None:
    air.live()
    assert (ban(air, ANNA, BEN), mute(air, ANNA, BEN)) == ("forbidden", "forbidden")
    appoint(air, BEN)
    assert (ban(air, ANNA, BEN), mute(air, ANNA, BEN)) == ("", "")
    appoint(air, BEN, on=False)
    assert ban(air, ANNA, BEN, on=False) == "forbidden"


def test_nobody_judges_the_host_and_only_the_host_a_moderator(air: Air) -> None:
    air.live()
    appoint(air, BEN)
    appoint(air, MO)
    assert {ban(air, HOST, by) for by in (HOST, BEN)} == {"forbidden"}
    assert (ban(air, MO, BEN), mute(air, MO, BEN)) == ("forbidden", "forbidden")
    assert ban(air, MO, HOST) == ""
    assert ban(air, ANNA, MO) == "forbidden"  # whom the host has banned keeps no order


def test_the_host_alone_appoints_ten_at_most_and_nobody_who_is_banned(air: Air) -> None:
    air.live()
    assert appoint(air, ANNA, ANNA) == "forbidden"
    assert appoint(air, HOST) == "invalid_state"
    assert appoint(air, "usr_nobody") == "not_found"
    ban(air, BEN)
    assert appoint(air, BEN) == "invalid_state"
    helpers = [f"usr_h{number}" for number in range(11)]
    air.known(*helpers)
    assert [appoint(air, each) for each in helpers] == [""] * 10 + ["invalid_state"]
    assert appoint(air, helpers[0]) == ""
    assert appoint(air, helpers[0], on=False) == ""
    assert appoint(air, helpers[10]) == ""


def test_order_is_kept_before_it_is_live_and_not_after(air: Air) -> None:
    air.scheduled()
    assert (ban(air, ANNA), mute(air, BEN)) == ("", "")
    service.end(air.world, STREAM, HOST)
    assert {ban(air, MO), mute(air, MO), appoint(air, MO)} == {"invalid_state"}


def test_who_is_not_known_is_not_judged(air: Air) -> None:
    air.live()
    assert ban(air, "usr_nobody") == "not_found"


# --- invitations ---------------------------------------------------------------------------------


def test_nobody_is_invited_who_is_not_here(air: Air) -> None:
    person(air.world, "usr_gone", "deleted")
    air.ready()
    for user in ("usr_nobody", "usr_gone"):
        asked = wanted("private", invited=(ANNA, user))
        assert code(lambda asked=asked: service.create(air.world, HOST, STREAM, asked)) == "invalid"  # type: ignore[misc]
    service.create(air.world, HOST, STREAM, wanted("private"))
    for user in ("usr_nobody", "usr_gone"):
        assert code(lambda who=user: service.invite(air.world, STREAM, HOST, [ANNA, who])) == "invalid"  # type: ignore[misc]
    assert air.row.invited == 0


def test_500_people_are_invited_at_most_each_counted_once(air: Air) -> None:
    air.scheduled("private", invited=(ANNA, ANNA, HOST))
    assert air.row.invited == 1
    service.invite(air.world, STREAM, HOST, [ANNA, BEN, BEN])
    assert air.row.invited == 2
    others = [f"usr_{number}" for number in range(498)]
    air.known(*others)
    for first in range(0, 498, 50):
        service.invite(air.world, STREAM, HOST, others[first : first + 50])
    assert air.row.invited == 500
    assert code(lambda: service.invite(air.world, STREAM, HOST, ["usr_one_more"])) == "invalid_state"
    assert code(lambda: service.invite(air.world, STREAM, HOST, [ANNA])) == ""


def test_invitations_are_the_hosts_and_to_private_streams_that_are_open(air: Air) -> None:
    air.scheduled("private")
    assert code(lambda: service.invite(air.world, STREAM, ANNA, [BEN])) == "forbidden"
    service.end(air.world, STREAM, HOST)
    assert code(lambda: service.invite(air.world, STREAM, HOST, [BEN])) == "invalid_state"
    service.create(air.world, HOST, "str_2", service.Wanted("x", "public", None, None, ()))
    assert code(lambda: service.invite(air.world, "str_2", HOST, [BEN])) == "invalid_state"


# --- for what is built on it ---------------------------------------------------------------------


def test_a_write_tells_what_is_new_in_it_and_only_that(air: Air) -> None:
    def news(key: str, sk: str) -> str | None:
        item = air.world.tables.get("live", {"pk": key, "sk": sk})
        return item.get("news") if item else None

    air.scheduled()
    told = [news(STREAM, "stream")]
    service.start(air.world, STREAM, HOST)
    told.append(news(STREAM, "stream"))  # the clock of it is wound in a write of its own
    air.joins(ANNA)
    for act in (mute, ban):
        act(air, ANNA)
        told.append(news(f"viewer#{STREAM}", ANNA))
    assert told == [None, None, "muted", None]


def test_what_is_not_known_of_somebody_is_no_row() -> None:
    assert viewers.banned(Viewer(STREAM, ANNA), NOON, on=False) == Viewer(STREAM, ANNA)
    with pytest.raises(Forbidden):
        viewers.must_moderate(Stream(STREAM, HOST, "", "x", "public", None, NOON, NOON, NOON), ANNA, BEN)


def test_a_viewer_is_stored_as_it_was() -> None:
    full = Viewer(STREAM, ANNA, NOON, 1_234, 2, True, 7, NOON, NOON + SECOND, True, False, ((1_111, NOON),), None, 3)
    assert viewers.from_item(viewers.to_item(full)) == full
    assert viewers.from_item(viewers.to_item(Viewer(STREAM, ANNA))) == Viewer(STREAM, ANNA)
