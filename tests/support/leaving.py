"""Tables in memory in which somebody's account is closed in the moment before something is posted."""

from chalicelib.accounts import service as accounts
from chalicelib.runtime.tables import Operation, Put
from tests.support.memory import MemoryTables
from tests.support.worlds import hand_world


class LeavingTables(MemoryTables):
    """The door is shut on the ``leaver`` before the next posting."""

    leaver: str = ""

    def write(self, *operations: Operation) -> None:
        if self.leaver and any(each.table == "ledger" for each in operations if isinstance(each, Put)):
            leaver, self.leaver = self.leaver, ""
            world = hand_world(self)
            self.write(*accounts.closing(world, accounts.person(world, leaver), "asked for"))
        super().write(*operations)
