"""How a release ends that does not end well."""

from collections.abc import Iterator
from contextlib import contextmanager


class DeployFailed(Exception):
    """The stack was not deployed, and is as it was. The message says why, and what to do where that is known."""


class NotSettled(DeployFailed):
    """A change was begun, and nobody knows that it is made or taken back: it goes on, or it is stuck half-way."""


@contextmanager
def goes_on_without_us() -> Iterator[None]:
    """Around what waits for a change: whatever ends this command in here does not end that. Raises NotSettled."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except KeyboardInterrupt:
        raise NotSettled("Stopped in the middle of a change.") from None
    except (BotoCoreError, ClientError) as problem:
        raise NotSettled(f"AWS could not be asked any more: {problem}") from problem
