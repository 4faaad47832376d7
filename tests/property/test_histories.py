"""Long histories, made up from a seed: what no one thought of, over and over.

``SOUL_HISTORIES`` asks for more of them than the suite has time for.
"""

import os
from typing import Final

import pytest

from tests.property.history import Exact, Rough
from tests.property.player import Player, chance
from tests.property.reference import MINUTE, SECOND

STEPS: Final = 400
HISTORIES: Final = int(os.environ.get("SOUL_HISTORIES", "48"))
LONGEST: Final = (180 * MINUTE, 450 * SECOND, 333_333, 90 * SECOND)
"""How long a talk may last: three hours, and shorter for the end to be met often."""


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_without_faults_every_act_does_what_the_reference_says(seed: int) -> None:
    rng = chance(seed)
    history = Exact(longest=LONGEST[seed % len(LONGEST)])
    player = Player(history, rng)
    for _ in range(STEPS):
        player.step()
        history.check()
    history.finish()


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_with_crashes_conflicts_and_clocks_apart_every_cent_is_where_it_belongs(seed: int) -> None:
    rng = chance(seed)
    history = Rough(rng, longest=LONGEST[seed % len(LONGEST)])
    player = Player(history, rng)
    history.somebody = player.somebody
    for _ in range(STEPS):
        player.step()
        history.check()
    history.finish()


@pytest.mark.parametrize("seed", range(HISTORIES // 8))
def test_with_many_people_too(seed: int) -> None:
    rng = chance(seed)
    history = Rough(rng, clients=9, readers_=6)
    player = Player(history, rng)
    history.somebody = player.somebody
    for _ in range(STEPS):
        player.step()
        history.check()
    history.finish()
