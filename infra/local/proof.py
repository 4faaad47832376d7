"""The proof that no cent was made or lost, and that nobody can talk unpaid.

The first is the ledger's own checks, run over the real tables of a stack; the second is asked of the local Agora.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.gateways import World
from chalicelib.wallet import statement
from infra.local.agora.device import ChannelRefused, Device
from infra.local.agora.server import AgoraServer
from infra.local.phone import Json


@dataclass(frozen=True, slots=True)
class LedgerProof:
    """What reading the whole ledger showed."""

    totals: dict[str, int]
    """The sum of all accounts by currency; zero for each, or money leaked."""
    chains: tuple[statement.Proof, ...]
    unsettled: dict[str, int]
    """Clearing accounts with something left in them."""
    drifted: tuple[str, ...]
    """Chains whose newest balance is not the sum of their entries."""

    @property
    def faults(self) -> list[str]:
        """What is amiss, in words; empty where all holds."""
        return [
            *(f"the trial balance of {currency} is {total}" for currency, total in self.totals.items() if total),
            *(f"{chain.account} breaks at entry {chain.broken_at}" for chain in self.chains if chain.broken_at),
            *(f"{account} still holds {amount}" for account, amount in self.unsettled.items()),
            *(f"{account} is not the sum of its entries" for account in self.drifted),
        ]

    @property
    def entries(self) -> int:
        return sum(chain.entries for chain in self.chains)


def prove(world: World) -> LedgerProof:
    """Add up the whole ledger and follow every chain from its first entry to its last."""
    trial = statement.trial_balance(world)
    chains = tuple(statement.verify_chain(world, account) for account in trial.chains)
    return LedgerProof(trial.total, chains, trial.unsettled(), trial.drifted)


@dataclass(frozen=True, slots=True)
class ChannelProof:
    """What Agora showed of a reading or a stream that is over."""

    channels: int
    unclosed: tuple[str, ...]
    """Those that the product did not have emptied and barred."""
    inside: tuple[str, ...]
    """Those that somebody is in."""
    tokens: int
    opening: int
    """How many of the tokens still open something."""

    @property
    def faults(self) -> list[str]:
        """What is amiss, in words; empty where all holds."""
        return [
            *(f"{channel} was not closed" for channel in self.unclosed),
            *(f"somebody is in {channel}" for channel in self.inside),
            *([f"tokens that still open a channel: {self.opening}"] if self.opening else []),
        ]


def prove_channels(agora: AgoraServer, names: Sequence[str], leases: Sequence[Json]) -> ChannelProof:
    """Look into the channels of these names, and try every lease that was given for them once more."""
    inside = tuple(name for name in names if agora.uids_in(name))
    unclosed = tuple(name for name in names if not any(rule["uid"] is None for rule in agora.rules(name)))
    opening = sum(_opens(agora, lease) for lease in leases)
    return ChannelProof(len(names), unclosed, inside, len(leases), opening)


def _opens(agora: AgoraServer, lease: Json) -> bool:
    device = Device(agora.url)
    try:
        device.join(lease)
    except ChannelRefused as refused:
        return refused.code == "unreachable"
    else:
        device.leave()
        return True
    finally:
        device.close()
