"""Mail through Amazon SES. What a mail says is its context's; no address and no text is ever logged.

A time-out is an unknown outcome: the mail may be on its way. Who sends again may send twice, and says so.
"""

from dataclasses import dataclass
from typing import Any, Final, Protocol

from chalicelib.gateways.breaker import CircuitBreaker
from chalicelib.kernel.errors import ProviderFailed, Unavailable
from chalicelib.kernel.settings import Settings
from chalicelib.runtime.aws import client, is_passing_fault

_CHARSET: Final = "UTF-8"
_REST_SECONDS: Final = 5
"""After a failure nothing is sent for so long: who has many letters to send must not wait for each in vain."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one person, in plain text and, where there is any, in HTML. ``headers`` are name and value."""

    to: str
    subject: str
    text: str
    html: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Mail(Protocol):
    """What a service asks of the post."""

    def send(self, letter: Letter) -> None:
        """Hand the letter over. Raises ProviderFailed where it is refused, Unavailable where the outcome is unknown."""


class SesMail:
    """``Mail`` through SES, from the address of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._from = settings.mail_from
        self._breaker = CircuitBreaker()
        self._with = {"ConfigurationSetName": settings.mail_set} if settings.mail_set else {}

    def send(self, letter: Letter) -> None:
        from botocore.exceptions import ClientError

        if self._breaker.is_open:
            raise Unavailable("The post rests after a failure.")
        try:
            client("sesv2").send_email(
                **self._with,
                FromEmailAddress=self._from,
                Destination={"ToAddresses": [letter.to]},
                Content={"Simple": _content(letter)},
            )
        except Exception as error:
            if is_passing_fault(error):
                self._breaker.trip(_REST_SECONDS)
                raise Unavailable("The mail could not be sent now. Try again in a moment.") from error
            if isinstance(error, ClientError):
                raise ProviderFailed("The mail was refused.") from error
            raise


def _content(letter: Letter) -> dict[str, Any]:
    body = {"Text": _data(letter.text)} | ({"Html": _data(letter.html)} if letter.html else {})
    headers = [{"Name": name, "Value": value} for name, value in letter.headers]
    return {"Subject": _data(letter.subject), "Body": body} | ({"Headers": headers} if headers else {})


def _data(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": _CHARSET}
