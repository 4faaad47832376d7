"""The local Agora. Today it knows no route: the product calls Agora nowhere yet.

Tokens for channels are built and checked offline, so nothing else is needed to talk. What belongs here, with
the issue that calls it: the channel management REST API, by which both sides are removed when a reading stops,
and the signed notifications (joined, left) that Agora sends to the product. Until then every request is
answered by a 404 problem, so that a call made too early is seen and not mistaken for success.
"""

from infra.local.web import Server, routed


def agora_server(port: int = 0) -> Server:
    """Bound to the wanted port or a free one; not started."""
    return Server("agora", routed([]), port)
