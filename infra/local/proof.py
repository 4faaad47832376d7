"""The proof that no cent was made or lost: the ledger's own checks, run over the real tables of a stack."""

from dataclasses import dataclass

from chalicelib.gateways import World
from chalicelib.wallet import statement


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
