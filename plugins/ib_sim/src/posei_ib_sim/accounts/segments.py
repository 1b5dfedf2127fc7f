"""The two segments of an account: securities (`-S`) and commodities (`-C`).

Futures and their options are carried in the commodities segment. IB sweeps cash between the two so
that the commodities segment holds what its margin needs; all the rest is with the securities.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from posei_ib_sim.accounts.commissions import CENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_ib_sim.accounts.book import Valuation

__all__ = ["segment_rows"]


def segment_rows(value: Valuation, currency: str) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of both segments; amounts of a pair add up to the account's total."""
    held = value.futures_pnl + value.future_option_value
    cash = max(value.commodity_initial, held) - held
    net = cash + held
    commodities = {
        "TotalCashValue": cash,
        "NetLiquidation": net,
        "EquityWithLoanValue": cash + value.futures_pnl,
        "InitMarginReq": value.commodity_initial,
        "MaintMarginReq": value.commodity_maintenance,
        "AccruedCash": Decimal(0),
        "Billable": Decimal(0),
        "Guarantee": Decimal(0),
        "IndianStockHaircut": Decimal(0),
        "PASharesValue": Decimal(0),
    }
    totals = {
        "TotalCashValue": value.cash,
        "NetLiquidation": value.net_liquidation,
        "EquityWithLoanValue": value.equity_with_loan,
        "InitMarginReq": value.initial_margin,
        "MaintMarginReq": value.maintenance_margin,
    }
    securities = {key: totals.get(key, Decimal(0)) - own for key, own in commodities.items()}
    securities["GrossPositionValue"] = value.gross_position_value
    securities["PreviousDayEquityWithLoanValue"] = securities["EquityWithLoanValue"]
    securities["RegTEquity"] = securities["EquityWithLoanValue"]
    securities["RegTMargin"] = securities["InitMarginReq"]
    for letter, figures in (("S", securities), ("C", commodities)):
        yield from _rows(letter, figures, currency)
    yield ("SegmentTitle-S", "US Securities", "")
    yield ("SegmentTitle-C", "US Commodities", "")
    yield ("TradingType-S", "STKNOPT", "")


def _rows(
    letter: str, figures: dict[str, Decimal], currency: str
) -> Iterator[tuple[str, str, str]]:
    figures = dict(figures)
    equity = figures["EquityWithLoanValue"]
    available = equity - figures["InitMarginReq"]
    excess = equity - figures["MaintMarginReq"]
    for prefix in ("", "Full", "LookAhead"):
        figures[f"{prefix}AvailableFunds"] = available
        figures[f"{prefix}ExcessLiquidity"] = excess
        figures[f"{prefix}InitMarginReq"] = figures["InitMarginReq"]
        figures[f"{prefix}MaintMarginReq"] = figures["MaintMarginReq"]
    for key, amount in figures.items():
        yield (f"{key}-{letter}", str(amount.quantize(CENT, ROUND_HALF_UP)), currency)
