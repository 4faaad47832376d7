"""How a release ends that does not end well."""


class DeployFailed(Exception):
    """The stack was not deployed, and is as it was. The message says why, and what to do where that is known."""


class NotSettled(DeployFailed):
    """A change was begun, and nobody knows that it is made or taken back: it goes on, or it is stuck half-way."""
