"""SoulSeer: live readings, paid by the minute.

Layers, from the bottom: ``kernel`` (pure words), ``runtime`` (AWS and HTTP glue), ``gateways`` (the
outside world), then one package a context. ``docs/ARCHITECTURE.md`` draws them.
"""
