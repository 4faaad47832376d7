"""SoulSeer: live readings, paid by the minute.

Layers, from the bottom: ``kernel`` (pure words), ``runtime`` (AWS and HTTP glue), ``gateways`` (the
outside world), then one package a context. ``docs/ARCHITECTURE.md`` draws them.
"""

import gc
from typing import Final

_UNCOLLECTED: Final = 200_000
"""New objects between two looks for cycles. What is imported stays, and at the usual 700 the collector looks through it
160 times while a function starts: a tenth of that time. A whole start makes half as many."""

gc.set_threshold(_UNCOLLECTED)
