"""What a file may be, and what it is called when somebody keeps it."""

from typing import Any

import pytest

from chalicelib.kernel.errors import Invalid
from chalicelib.shop.model.file import ENDINGS, MOST_BYTES, NAME_LENGTH, File, announced, file_name
from tests.support.corpus import SHORT

DIGEST = "a7" * 32


@pytest.mark.parametrize(
    ("written", "called"),
    [
        ("Guide.pdf", "Guide.pdf"),
        ("Guide.PDF", "Guide.PDF"),
        ("Guide", "Guide.pdf"),
        ("a.b.pdf", "a.b.pdf"),
        ("virus.exe", "virus.exe.pdf"),
        ("../../etc/passwd", "_.._etc_passwd.pdf"),
        ("..\\x.pdf", "_x.pdf"),
        (".hidden.pdf", "hidden.pdf"),
        ("a\u202efdp.exe", "afdp.exe.pdf"),
        ('a"; filename="b.pdf', "a__ filename=_b.pdf"),
        ("a.pdf\r\nSet-Cookie: x", "a.pdf Set-Cookie_ x.pdf"),
        ("100%.pdf", "100_.pdf"),
        ("  Führer   ジ .pdf ", "Führer ジ.pdf"),
        ("X to X", "X to X.pdf"),
        ("pdf", "pdf.pdf"),
        (".pdf", "pdf.pdf"),
        ("...", ""),
        ("\u200b", ""),
        (" / ", "_.pdf"),
    ],
)
def test_a_name_is_one_that_any_system_keeps_and_ends_as_its_type_does(written: str, called: str) -> None:
    assert file_name(written, "application/pdf") == called


def test_a_long_name_is_cut_before_its_ending() -> None:
    assert file_name("x" * 97 + ".pdf", "application/pdf") == "x" * 96 + ".pdf"
    assert file_name("x" * 96 + ".pdf", "application/pdf") == "x" * 96 + ".pdf"
    assert file_name("x" * 94 + " y.jpeg", "image/jpeg") == "x" * 94 + ".jpeg", "the blank at its end goes, too"
    assert file_name("x" * 94 + ".y.jpeg", "image/jpeg") == "x" * 94 + ".jpeg"
    assert file_name("X" * 97, "application/pdf") == "X" * 96 + ".pdf"


@pytest.mark.parametrize("written", SHORT.values(), ids=SHORT)
def test_whatever_somebody_writes_the_name_does_nothing(written: str) -> None:
    called = file_name(written, "application/zip")
    assert len(called) <= NAME_LENGTH
    assert called == "" or (called.endswith(".zip") and called[0] not in " .")
    assert not set(called) & set('<>:"/\\|?*%;')
    assert called.translate(dict.fromkeys(map(ord, "\u200c\u200d"))).isprintable(), "but for joiners, which spell words"


@pytest.mark.parametrize("media_type", ENDINGS)
def test_a_name_without_its_ending_gets_the_usual_one(media_type: Any) -> None:
    assert file_name("a", media_type) == f"a.{ENDINGS[media_type][0]}"
    for ending in ENDINGS[media_type]:
        assert file_name(f"a.{ending}", media_type) == f"a.{ending}"


@pytest.mark.parametrize("size", [1, MOST_BYTES])
def test_what_is_announced_is_a_file(size: int) -> None:
    file = announced("upl_1", "Guide", "application/pdf", size, DIGEST)
    assert file == File("upl_1", "Guide.pdf", "application/pdf", size, DIGEST)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " . "}, "name"),
        ({"size": 0}, "size"),
        ({"size": MOST_BYTES + 1}, "size"),
        ({"sha256": DIGEST.upper()}, "sha256"),
        ({"sha256": DIGEST[1:]}, "sha256"),
        ({"sha256": f"{DIGEST}0"}, "sha256"),
        ({"sha256": f"{DIGEST}\n"}, "sha256"),
    ],
    ids=str,
)
def test_what_cannot_be_a_file_is_refused_at_its_field(wrong: dict[str, Any], field: str) -> None:
    wanted: dict[str, Any] = {"name": "a", "media_type": "application/pdf", "size": 1, "sha256": DIGEST}
    with pytest.raises(Invalid) as refused:
        announced("upl_1", **wanted | wrong)
    assert [each["field"] for each in refused.value.errors] == [field]


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        announced("upl_1", "", "application/pdf", 0, "")
    assert [each["field"] for each in refused.value.errors] == ["name", "size", "sha256"]
    assert [each["message"] for each in refused.value.errors] == [
        "Write what the file is called.",
        "1 to 104857600 bytes.",
        "The SHA-256 of the file: 64 hexadecimal digits in small letters.",
    ]
