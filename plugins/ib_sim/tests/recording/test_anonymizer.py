"""What leaves a recording: accounts and names, everywhere, always under the same alias."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_ib_sim import wire
from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.recording.anonymizer import Anonymizer

ACCOUNTS = st.from_regex(r"(U|DU|F|DF|I|DI)[0-9]{6,8}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


@given(accounts=st.lists(ACCOUNTS, min_size=1, max_size=5, unique=True), around=TEXT)
def test_no_account_survives_and_no_length_changes(accounts, around):
    anonymizer = Anonymizer()
    text = "|".join(f"{around} {account}." for account in accounts).encode()
    cleaned = anonymizer.clean(text)
    assert len(cleaned) == len(text)
    for account in accounts:
        alias = anonymizer.clean(account.encode())
        assert alias in cleaned
        if alias != account.encode():
            assert f" {account}.".encode() not in cleaned
    assert anonymizer.clean(cleaned) == cleaned


@given(first=ACCOUNTS, second=ACCOUNTS)
def test_two_accounts_never_share_an_alias(first, second):
    anonymizer = Anonymizer()
    same = anonymizer.clean(first.encode()) == anonymizer.clean(second.encode())
    assert same == (first == second)


@pytest.mark.parametrize("version", [157, 200, 213, 226])
def test_messages_of_both_dialects_stay_readable(version):
    codec, anonymizer = wire.Codec(version), Anonymizer(["Jane Doe"])
    message = wire.ErrorMessage(
        id=3, errorTime=1, errorCode=201, errorMsg="jane doe may not trade in U7654321"
    )
    frame = codec.encode(message)
    seen = codec.decode_server(anonymizer.clean(frame[4:]))
    assert seen.errorMsg == "n0000001 may not trade in U0000001"
    assert (seen.id, seen.errorCode) == (3, 201)


def test_what_a_field_names_as_account_is_one_whatever_its_form():
    anonymizer = Anonymizer()
    anonymizer.learn(wire.Position(account="MYFUND77", contract=wire.Contract()))
    assert anonymizer.clean(b"order for MYFUND77 held") == b"order for MY000001 held"


def test_submitters_and_advisors_aliases_are_learned():
    anonymizer = Anonymizer()
    anonymizer.learn(wire.OpenOrder(orderId=1, order=wire.Order(submitter="jdoe12")))
    anonymizer.learn(wire.ReceiveFA(faDataType=3, xml="<alias>Müller Family</alias>"))
    assert anonymizer.clean(b"by JDOE12") == b"by n00001"
    assert "ller" not in anonymizer.clean(b"the M\\u00fcller family").decode()
    assert "ller" not in anonymizer.clean("the Müller Family".encode()).decode()


def test_an_advisors_all_accounts_form_shares_the_alias():
    anonymizer = Anonymizer()
    anonymizer.learn(wire.AccountValue(key="X", accountName="DF1234567A"))
    assert anonymizer.clean(b"DF1234567 DF1234567A") == b"DF0000001 DF0000001A"


def test_option_symbols_and_isins_are_no_accounts():
    text = b"AAPL  240315C00150000\0US0378331005\0F     240315P00012000\0IBCID123456\0"
    assert Anonymizer().clean(text) == text


def test_a_name_too_short_to_replace_safely_is_refused():
    with pytest.raises(ConfigurationError, match="at least 3"):
        Anonymizer(["jo"])
