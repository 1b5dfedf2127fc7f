"""What is taken for a CUSIP or an ISIN, and what for a symbol."""

from __future__ import annotations

import pytest

from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.symbology import SimplifiedSymbology
from posei_trader.adapters.interactive_brokers.symbology.security_ids import security_id_type
from posei_trader.model.identifiers import InstrumentId


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("037833100", "CUSIP"),  # Apple
        ("912810TM0", "CUSIP"),
        ("912828XE8", "CUSIP"),  # the guide's, whose check digit is wrong: IB decides
        ("G0177J108", "CUSIP"),  # Allergan, a foreign issuer
        ("US0378331005", "ISIN"),
        ("XS2314659447", "ISIN"),
        ("G0177J109", None),  # a word unless its check digit says otherwise
        ("ABCDEFGHI", None),
        ("AAPL", None),
        ("US037833100", None),
        ("", None),
    ],
)
def test_the_form_decides(text: str, kind: str | None) -> None:
    assert security_id_type(text) == kind


@pytest.mark.parametrize("local", ["IB912828XE8", "912828XE8"])
def test_a_bond_is_recognised_by_its_local_symbol_too(local: str) -> None:
    bond = IBContract(secType="BOND", symbol="US-T", localSymbol=local, exchange="SMART")
    assert SimplifiedSymbology().to_instrument_id(bond) == "912828XE8.SMART"


def test_a_word_of_nine_letters_is_a_stock() -> None:
    contract = SimplifiedSymbology().to_contract(InstrumentId("ABCDEFGHI.SMART"))
    assert contract.secType == "STK"
