"""What the tests of both encoders of orders share: the terms that they write, and contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from ibapi.const import UNSET_INTEGER

from posei_trader.adapters.interactive_brokers.contract_types import (
    ComboLeg,
    DeltaNeutralContract,
    IBContract,
)

if TYPE_CHECKING:
    from ibapi.order import Order

CONTRACTS = st.sampled_from(
    [
        IBContract(conId=265598, symbol="AAPL", secType="STK", exchange="SMART", currency="USD"),
        IBContract(secType="OPT", symbol="AAPL", strike=150.0, right="C", multiplier="100"),
        IBContract(secType="STK", symbol="AAPL", exchange="IBKRATS", currency="USD"),
        IBContract(
            secType="BAG",
            symbol="ES",
            exchange="CME",
            comboLegs=(ComboLeg(conId=1, ratio=1, action="BUY", exchange="CME"),),
            deltaNeutralContract=DeltaNeutralContract(conId=2, delta=0.5, price=4.25),
        ),
    ]
)

_FLAGS = st.booleans()
_WHOLE = st.one_of(st.integers(-1, 2**31 - 1), st.just(UNSET_INTEGER))


def terms_of(
    texts: st.SearchStrategy[str],
    order_types: st.SearchStrategy[str],
    numbers: st.SearchStrategy[float],
    sizes: st.SearchStrategy[Any],
) -> dict[str, st.SearchStrategy[Any]]:
    """Return the terms of an order that are written without `ibapi`, and what they may be."""
    return {
        **dict.fromkeys(
            (
                "account",
                "action",
                "clearingAccount",
                "clearingIntent",
                "goodAfterTime",
                "goodTillDate",
                "ocaGroup",
                "orderRef",
                "rule80A",
                "settlingFirm",
                "tif",
            ),
            texts,
        ),
        "orderType": order_types,
        **dict.fromkeys(
            (
                "allOrNone",
                "blockOrder",
                "hidden",
                "outsideRth",
                "overridePercentageConstraints",
                "sweepToFill",
                "transmit",
                "whatIf",
            ),
            _FLAGS,
        ),
        **dict.fromkeys(
            ("clientId", "displaySize", "minQty", "ocaType", "parentId", "triggerMethod"), _WHOLE
        ),
        **dict.fromkeys(
            (
                "auxPrice",
                "cashQty",
                "lmtPrice",
                "lmtPriceOffset",
                "percentOffset",
                "trailStopPrice",
                "trailingPercent",
            ),
            numbers,
        ),
        "totalQuantity": sizes,
    }


def order_of(kind: type[Order], terms: dict[str, Any]) -> Order:
    """Return an order with some terms."""
    order = kind()
    for name, value in terms.items():
        setattr(order, name, value)
    return order
