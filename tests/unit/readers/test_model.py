from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, InvalidState, LinkExpired
from chalicelib.kernel.time import DAY
from chalicelib.readers.model import (
    HIGHEST_RATE,
    MODALITIES,
    ONLINE_LIFE,
    Description,
    Filters,
    Invitation,
    Modality,
    Reader,
    Sort,
    card,
    check_acceptable,
    check_may_go_online,
    described,
    facets,
    matches,
    narrowest,
    order_of,
    places,
    priced,
    sealed,
    verified,
    withdrawn,
)

NOW = 1_800_000_000_000
SAID = Description("luna-star", "Luna", "I read tarot.", ("tarot",), ("en",))
RATES = st.dictionaries(st.sampled_from(MODALITIES), st.integers(1, HIGHEST_RATE))


def reader(rates: dict[Modality, int] | None = None, **fields: Any) -> Reader:
    made = Reader(id="usr_1", standing="verified", description=SAID)
    return replace(priced(made, rates or {}, NOW), **fields)


# --- invitation


def invitation(**fields: Any) -> Invitation:
    return replace(Invitation("digest", None, expires_at=NOW + 7 * DAY), **fields)


def test_an_unbound_invitation_is_for_whoever_holds_it() -> None:
    check_acceptable(invitation(), "token", None, NOW)


def test_an_invitation_is_for_its_address_in_any_case() -> None:
    bound = invitation(bound_to=sealed("token", "Luna@Example.com"))
    check_acceptable(bound, "token", "luna@example.COM", NOW)
    for token, email in (("token", "other@example.com"), ("token", None), ("other", "luna@example.com")):
        with pytest.raises(Forbidden):
            check_acceptable(bound, token, email, NOW)


def test_an_invitation_expires_with_its_last_moment() -> None:
    check_acceptable(invitation(), "token", None, NOW + 7 * DAY - 1)
    with pytest.raises(LinkExpired):
        check_acceptable(invitation(), "token", None, NOW + 7 * DAY)


def test_a_used_invitation_is_used_even_when_it_has_expired() -> None:
    with pytest.raises(AlreadyDone):
        check_acceptable(invitation(used_by="usr_2"), "token", None, NOW + 8 * DAY)


# --- standing


def test_nobody_is_verified_before_there_is_a_profile() -> None:
    invited = Reader(id="usr_1", standing="invited", description=None)
    with pytest.raises(InvalidState):
        verified(invited)
    assert verified(described(invited, SAID)).verified


def test_only_who_was_verified_is_withdrawn_and_may_come_back() -> None:
    with pytest.raises(InvalidState):
        withdrawn(reader(standing="profile"))
    assert not withdrawn(reader()).verified
    assert verified(withdrawn(reader())).verified


@pytest.mark.parametrize("standing", ["invited", "profile", "withdrawn"])
def test_only_a_verified_reader_goes_online(standing: str) -> None:
    with pytest.raises(Forbidden):
        check_may_go_online(reader(standing=standing))
    assert reader(standing=standing, online_until=NOW + 1).presence(NOW, busy=False) == "offline"
    check_may_go_online(reader())


def test_ninety_seconds_of_silence_are_offline() -> None:
    here = reader(online_until=NOW + ONLINE_LIFE)
    assert here.presence(NOW + ONLINE_LIFE - 1, busy=False) == "online"
    assert here.presence(NOW + ONLINE_LIFE, busy=False) == "offline"


def test_an_open_reading_shows_as_busy_even_when_the_app_fell_silent() -> None:
    assert reader(online_until=0).presence(NOW, busy=True) == "busy"


# --- description


def test_a_description_is_cleaned_and_its_repetitions_dropped() -> None:
    wanted = Description("luna", " Lu\u202ena ", "a\n\n\n\nb", ("Tarot ", "tarot", "Runes"), ("EN", "en", "pt_br"))
    assert described(reader(), wanted).description == Description(
        "luna", "Luna", "a\n\nb", ("tarot", "runes"), ("en", "pt-BR")
    )


def test_describing_oneself_leads_from_invited_to_profile_and_changes_no_later_standing() -> None:
    assert described(reader(standing="invited", description=None), SAID).standing == "profile"
    assert described(reader(), SAID).standing == "verified"


@pytest.mark.parametrize("slug", ["abc", "a-b", "luna-star-2", "a" * 40, "123"])
def test_a_slug_is_lower_case_letters_digits_and_single_hyphens(slug: str) -> None:
    assert described(reader(), replace(SAID, slug=slug)).description == replace(SAID, slug=slug)


@pytest.mark.parametrize(
    "slug", ["", "ab", "a" * 41, "Luna", "luna-", "-luna", "lu--na", "lu na", "usr_1", "luna\n", "é" * 4]
)
def test_anything_else_is_no_slug(slug: str) -> None:
    with pytest.raises(Invalid) as refused:
        described(reader(), replace(SAID, slug=slug))
    assert [each["field"] for each in refused.value.errors] == ["slug"]


def test_every_field_at_fault_is_named_at_once() -> None:
    wanted = Description("luna", "", "x" * 4_001, tuple(str(n) for n in range(11)), ("english",))
    with pytest.raises(Invalid) as refused:
        described(reader(), wanted)
    assert [each["field"] for each in refused.value.errors] == ["name", "biography", "specialties", "languages"]


# --- rates


@pytest.mark.parametrize("cents", [0, -1, HIGHEST_RATE + 1])
def test_a_rate_has_limits(cents: int) -> None:
    with pytest.raises(Invalid):
        priced(reader(), {"text": cents}, NOW)


def test_what_is_absent_is_no_longer_offered() -> None:
    assert priced(reader({"text": 100, "voice": 200}), {"voice": 200}, NOW).rates == {"voice": 200}


def test_a_first_rate_is_free_also_when_other_modalities_have_one() -> None:
    assert priced(reader({"text": 100}), {"text": 100, "video": 900}, NOW).rates == {"text": 100, "video": 900}


def test_a_raise_is_at_most_a_fifth() -> None:
    assert priced(reader({"text": 250}), {"text": 300}, NOW).rates == {"text": 300}
    with pytest.raises(Invalid) as refused:
        priced(reader({"text": 250}), {"text": 301}, NOW)
    assert refused.value.errors[0]["field"] == "text"


def test_a_modality_is_raised_once_in_thirty_days() -> None:
    raised = priced(reader({"text": 100, "voice": 100}), {"text": 110, "voice": 100}, NOW)
    with pytest.raises(InvalidState):
        priced(raised, {"text": 111}, NOW + 30 * DAY - 1)
    assert priced(raised, {"text": 110, "voice": 120}, NOW + 1).rates == {"text": 110, "voice": 120}
    assert priced(raised, {"text": 132}, NOW + 30 * DAY).rates == {"text": 132}


def test_a_cut_is_always_allowed_and_forgets_no_raise() -> None:
    cut = priced(priced(reader({"text": 100}), {"text": 110}, NOW), {"text": 50}, NOW + 1)
    assert cut.rates == {"text": 50}
    with pytest.raises(InvalidState):
        priced(cut, {"text": 60}, NOW + 2)


def test_not_offering_a_modality_for_a_while_is_no_way_around_the_limit() -> None:
    away = priced(reader({"text": 100}), {}, NOW)
    assert away.rates == {}
    with pytest.raises(Invalid):
        priced(away, {"text": 500}, NOW)


def test_before_verification_rates_are_free() -> None:
    fresh = reader({"text": 100}, standing="profile")
    assert priced(priced(fresh, {"text": 500}, NOW), {"text": 5_000}, NOW).rates == {"text": 5_000}


@given(RATES, RATES)
def test_setting_the_same_rates_again_changes_nothing(first: dict[Modality, int], second: dict[Modality, int]) -> None:
    once = priced(reader(first, standing="profile"), second, NOW)
    assert priced(replace(once, standing="verified"), second, NOW).rates == once.rates == second


@given(st.lists(st.tuples(st.integers(1, 2_000), st.integers(0, 40)), max_size=30))
def test_no_sequence_of_changes_outruns_a_fifth_a_month(steps: list[tuple[int, int]]) -> None:
    start, now = reader({"text": 1_000}), NOW
    present = start
    for cents, days in steps:
        now += days * DAY
        try:
            present = priced(present, {"text": cents} if cents % 7 else {}, now)
        except (Invalid, InvalidState):
            continue
    months = 1 + (now - NOW) // (30 * DAY)
    assert present.prices["text"].cents <= 1_000 * 1.2**months


# --- directory


LUNA = card(reader({"text": 200, "video": 900}, rating_total=9, rating_count=2))


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(specialty=" TAROT"),
        Filters(modality="video"),
        Filters(max_rate=200),
        Filters(modality="video", max_rate=900),
        Filters(min_rating=4.5),
        Filters(q="LUNA tarot"),
        Filters(q="luna-star"),
        Filters(q="  "),
    ],
)
def test_a_reader_who_has_all_that_is_asked_is_found(filters: Filters) -> None:
    assert matches(LUNA, filters)


@pytest.mark.parametrize(
    "filters",
    [
        Filters(specialty="runes"),
        Filters(modality="voice"),
        Filters(max_rate=199),
        Filters(modality="video", max_rate=899),
        Filters(min_rating=4.6),
        Filters(q="luna runes"),
        Filters(specialty="tarot", modality="voice"),
    ],
)
def test_a_reader_who_lacks_one_thing_is_not_found(filters: Filters) -> None:
    assert not matches(LUNA, filters)


def test_who_has_no_rating_has_not_the_least_one() -> None:
    assert reader().rating is None
    assert not matches(card(reader()), Filters(min_rating=1))


@pytest.mark.parametrize(
    ("sort", "order"),
    [("name", ["ann", "bea", "cat"]), ("rate", ["cat", "ann", "bea"]), ("rating", ["bea", "cat", "ann"])],
)
def test_the_directory_sorts_by_name_lowest_rate_or_best_rating(sort: Sort, order: list[str]) -> None:
    ann = reader({"text": 300}, description=replace(SAID, slug="ann", name="Ann"))
    bea = reader(description=replace(SAID, slug="bea", name="bea"), rating_total=5, rating_count=1)
    cat = reader({"text": 100}, description=replace(SAID, slug="cat", name="Cat"), rating_total=4, rating_count=1)
    listed = sorted(map(card, (ann, bea, cat)), key=lambda each: places(each)[order_of(sort, None)])
    assert [each.slug for each in listed] == order


def test_a_name_that_begins_another_comes_first_whatever_the_slugs() -> None:
    ann = card(reader(description=replace(SAID, slug="zzz", name="Ann")))
    anna = card(reader(description=replace(SAID, slug="aaa", name="Ann B")))
    assert places(ann)["by_name"] < places(anna)["by_name"]


def test_accents_and_capitals_do_not_part_names_and_words() -> None:
    emile = card(reader(description=replace(SAID, name="Émile Straße")))
    assert matches(emile, Filters(q="EMILE strasse"))
    assert places(emile)["by_name"] < places(card(reader(description=replace(SAID, name="frida"))))["by_name"]


def test_a_reader_has_twenty_five_words_their_name_before_their_biography() -> None:
    many = " ".join(f"word{number}" for number in range(100))
    wordy = card(reader(description=replace(SAID, name="Zoë", biography=f"I am no {many}")))
    assert wordy.words == ("zoe", "luna", "star", "tarot", *(f"word{number}" for number in range(21)))


def test_the_longest_name_biography_and_specialty_fit_a_key() -> None:
    widest = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"
    said = Description("x" * 40, widest * 50, widest * 4_000, tuple(f"{n}" + widest * 39 for n in range(10)), ())
    there = card(reader(dict.fromkeys(MODALITIES, 1), description=said))
    assert all(len(place.encode()) <= 1_024 for place in places(there).values())
    assert all(len(f"card#{facet}".encode()) <= 2_048 for facet in facets(there, here=True))


def test_a_card_lies_below_whatever_facet_a_search_that_it_matches_walks() -> None:
    for filters in (
        Filters(),
        Filters(q="tarot luna"),
        Filters(specialty="Tarot"),
        Filters(specialty="tarot", online=True),
        Filters(online=True),
        Filters(online=False, modality="video"),
    ):
        assert matches(LUNA, filters)
        assert narrowest(filters) in facets(LUNA, here=True)
    assert facets(LUNA, here=True) - facets(LUNA, here=False) == {"online", "online#tarot"}
