"""Tables in memory of which one write goes wrong: nobody hears whether it took effect."""

from chalicelib.runtime.tables import Contended, Operation
from tests.support.memory import MemoryTables


class LosingTables(MemoryTables):
    """Write number ``at`` is lost: before it takes effect, or after."""

    def __init__(self, at: int, *, after: bool) -> None:
        super().__init__()
        self.left, self.after = at, after

    def write(self, *operations: Operation) -> None:
        self.left -= 1
        if self.left == -1 and not self.after:
            raise Contended("lost")
        super().write(*operations)
        if self.left == -1:
            raise Contended("lost")
