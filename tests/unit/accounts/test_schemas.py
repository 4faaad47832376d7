"""What a person may send about themselves."""

import pytest
from pydantic import ValidationError

from chalicelib.accounts.schemas import MeChanges


def test_a_birth_date_is_written_as_a_date() -> None:
    changes = MeChanges.model_validate_json('{"birth_date": "1990-12-31"}', strict=True).changes()
    assert str(changes.birth_date) == "1990-12-31"


@pytest.mark.parametrize(
    "written", ["946684800", "0", "-0", "946684800000", "1990-12-31T00:00:00", "31.12.1990", "1990-13-01"]
)
def test_what_is_set_once_is_never_guessed(written: str) -> None:
    with pytest.raises(ValidationError):
        MeChanges.model_validate_json(f'{{"birth_date": "{written}"}}', strict=True)
