"""Generic ticks: what reqMktData adds on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.server.translate import size

if TYPE_CHECKING:
    from posei_ib_sim.market import Board, Trade
    from posei_ib_sim.server.session import Session

__all__ = ["GenericTicks"]

_HALTED, _SHORTABLE, _SHORTABLE_SHARES = 49, 46, 89
_RT_VOLUME, _RT_TRADE_VOLUME = 48, 77
_MARK, _TRADE_COUNT, _LAST_RTH = 37, 54, 57
_FUTURES_OPEN_INTEREST, _AVERAGE_VOLUME = 86, 21
_KNOWN: Final = frozenset(
    {
        "100", "101", "104", "105", "106", "162", "165", "221", "225", "232", "233", "236", "256",
        "258", "292", "293", "294", "295", "318", "375", "411", "456", "460", "576", "577", "578",
        "586", "588", "595", "614", "623", "787", "mdoff",
    }
)  # fmt: skip


@final
class GenericTicks:
    """The generic ticks of one subscription.

    Args:
        session: Where ticks go.
        req_id: The subscription.
        codes: IB's comma-separated list of codes.
    """

    def __init__(self, session: Session, req_id: int, codes: str) -> None:
        self._session = session
        self._req_id = req_id
        self._codes = {code.strip().partition(":")[0] for code in codes.split(",")} - {""}
        unknown = self._codes - _KNOWN
        if unknown:
            session.error(
                req_id,
                321,
                f"Error validating request.-'bW' : cause - Incorrect generic tick list of {codes}.",
            )

    def begin(self, board: Board) -> None:
        """Send the ticks that do not wait for a trade."""
        contract = board.contract
        if contract.sec_type in {"STK", "OPT", "FUT", "FOP"}:
            self._generic(_HALTED, 0.0)
        if "236" in self._codes and contract.sec_type == "STK":
            self._generic(_SHORTABLE, 3.0)
            self._size(_SHORTABLE_SHARES, 10_000_000.0)
        if self._codes & {"221", "232"}:
            self._price(_MARK, board.mark)
        if "588" in self._codes and contract.sec_type == "FUT":
            self._size(_FUTURES_OPEN_INTEREST, 100_000.0)
        if "165" in self._codes and board.contract.has_trades:
            self._size(_AVERAGE_VOLUME, max(board.day_volume, 1.0))

    def trade(self, board: Board, trade: Trade) -> None:
        """Send the ticks that follow a trade."""
        codes = self._codes
        if not codes:
            return
        if codes & {"233", "375"}:
            text = (
                f"{trade.price!r};{size(trade.size)};{trade.ts_ns // 1_000_000};"
                f"{size(board.day_volume)};{board.vwap:.8f};true"
            )
            if "233" in codes:
                self._string(_RT_VOLUME, text)
            if "375" in codes:
                self._string(_RT_TRADE_VOLUME, text)
        if codes & {"221", "232"}:
            self._price(_MARK, board.mark)
        if "293" in codes:
            self._generic(_TRADE_COUNT, float(board.trade_count))
        if "318" in codes:
            self._price(_LAST_RTH, trade.price)

    def _generic(self, tick_type: int, value: float) -> None:
        self._session.send(wire.TickGeneric(reqId=self._req_id, tickType=tick_type, value=value))

    def _string(self, tick_type: int, value: str) -> None:
        self._session.send(wire.TickString(reqId=self._req_id, tickType=tick_type, value=value))

    def _price(self, tick_type: int, price: float) -> None:
        self._session.send(
            wire.TickPrice(
                reqId=self._req_id, tickType=tick_type, price=price, size=size(0.0), attrMask=0
            )
        )

    def _size(self, tick_type: int, amount: float) -> None:
        self._session.send(wire.TickSize(reqId=self._req_id, tickType=tick_type, size=size(amount)))
