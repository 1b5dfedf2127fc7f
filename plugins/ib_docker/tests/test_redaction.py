"""Secrets: escaped as Java reads them, kept in private files, absent from every text."""

from __future__ import annotations

import stat

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from posei_trader.adapters.ib_docker.redaction import MASK, Redactor
from posei_trader.adapters.ib_docker.secret_files import SecretDirectory, escaped

passwords = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]),
    min_size=1,
    max_size=24,
)


def java_properties_value(raw: str) -> str:
    """Read a value as `java.util.Properties.load` does, written from its documentation."""
    raw = raw.lstrip(" \t\f")
    units, position = [], 0
    while position < len(raw):
        character = raw[position]
        if character != "\\":
            units.append(ord(character))
            position += 1
        elif raw[position + 1 : position + 2] == "u":
            units.append(int(raw[position + 2 : position + 6], 16))
            position += 6
        else:
            units.append(ord(raw[position + 1]))
            position += 2
    return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be")


@given(passwords)
def test_java_reads_an_escaped_password_back_unchanged(password):
    assert java_properties_value(escaped(password)) == password


@given(passwords)
def test_an_escaped_password_is_plain_ascii_on_one_line(password):
    assert escaped(password).isascii()
    assert "\n" not in escaped(password)


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("a\\b", "a\\\\b"),
        ("end\\", "end\\\\"),
        ("ü", "\\u00fc"),
        (" x", "\\u0020x"),
        ("😀", "\\ud83d\\ude00"),
        ("#!=:${}`'\"%* ", "#!=:${}`'\"%* "),
    ],
)
def test_known_passwords_are_escaped_as_the_image_needs_it(password, expected):
    assert escaped(password) == expected


@given(passwords, st.text(max_size=40), st.text(max_size=40))
def test_no_text_keeps_a_secret_raw_or_escaped(password, before, after):
    assume(password not in MASK)
    text = f"{before}{password}|{escaped(password)}{after}"
    redacted = Redactor([password])(text).replace(MASK, "\0")
    assert password not in redacted
    assert escaped(password) not in redacted


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("DU1234567 Trader Workstation Configuration", "DU***** Trader Workstation Configuration"),
        ("account U7654321;", "account U*****;"),
        ("jxBrowserKey=ABC123DEF", f"jxBrowserKey={MASK}"),
        ("IbPassword=hunter2 next", f"IbPassword={MASK} next"),
        ("totp_secret: JBSWY3DP", f"totp_secret: {MASK}"),
        ("Login attempt: 1", "Login attempt: 1"),
    ],
)
def test_account_numbers_and_assigned_secrets_are_masked(line, expected):
    assert Redactor()(line) == expected


def test_the_files_are_readable_only_through_a_private_directory(tmp_path):
    directory = SecretDirectory("paper", base=tmp_path)
    mounted = directory.write({"tws_password": "pä\\ss"})
    assert (mounted / "tws_password").read_text("ascii") == "p\\u00e4\\\\ss"
    assert stat.S_IMODE((mounted / "tws_password").stat().st_mode) == 0o444
    assert stat.S_IMODE(mounted.parent.stat().st_mode) == 0o700


def test_wiping_empties_the_directory_but_keeps_it_for_the_mount(tmp_path):
    directory = SecretDirectory("paper", base=tmp_path)
    mounted = directory.write({"tws_password": "secret"})
    with (mounted / "tws_password").open("rb") as kept_open:
        directory.wipe()
        assert kept_open.read() == b""
    assert list(mounted.iterdir()) == []
    directory.write({"tws_password": "again"})
    assert (mounted / "tws_password").read_text() == "again"
    directory.remove()
    directory.remove()
    assert list(tmp_path.iterdir()) == []


def test_only_a_directory_of_the_same_instance_is_taken_over(tmp_path):
    first = SecretDirectory("paper", base=tmp_path)
    mounted = first.write({"tws_password": "secret"})
    other = SecretDirectory("live", base=tmp_path)
    other.adopt(mounted)
    other.remove()
    assert (mounted / "tws_password").exists()
    heir = SecretDirectory("paper", base=tmp_path)
    heir.adopt(mounted)
    heir.remove()
    assert not mounted.exists()
