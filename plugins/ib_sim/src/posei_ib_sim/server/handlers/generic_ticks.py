"""Generic ticks: what reqMktData adds on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.market.option_model import model_volatility
from posei_ib_sim.server.handlers.recent_trades import RecentTrades
from posei_ib_sim.server.translate import size

if TYPE_CHECKING:
    from posei_ib_sim.contracts import SimContract
    from posei_ib_sim.market import Board, Trade
    from posei_ib_sim.server.session import Session
    from posei_ib_sim.simulation import Simulation

__all__ = ["GenericTicks", "open_interest"]

_HALTED, _SHORTABLE, _SHORTABLE_SHARES = 49, 46, 89
_RT_VOLUME, _RT_TRADE_VOLUME = 48, 77
_MARK, _TRADE_COUNT, _LAST_RTH = 37, 54, 57
_FUTURES_OPEN_INTEREST, _AVERAGE_VOLUME = 86, 21
_HISTORICAL_VOLATILITY, _IMPLIED_VOLATILITY, _LIVE_VOLATILITY = 23, 24, 58
_CALL_INTEREST, _PUT_INTEREST, _CALL_VOLUME, _PUT_VOLUME = 27, 28, 29, 30
_AVERAGE_OPTION_VOLUME, _DIVIDENDS, _BOND_FACTOR = 87, 59, 60
_AUCTION_VOLUME, _AUCTION_PRICE, _AUCTION_IMBALANCE, _REGULATORY_IMBALANCE = 34, 35, 36, 61
_INDEX_FUTURE_PREMIUM, _TRADE_RATE, _VOLUME_RATE = 31, 55, 56
_SHORT_TERM_VOLUMES: Final = ((63, 3), (64, 5), (65, 10))  # tick type and minutes
_PREMIUM: Final = 0.0005
_PLENTY: Final = 10_000_000.0
_EASY: Final = 1_000.0
_KNOWN: Final = frozenset(
    {
        "100", "101", "104", "105", "106", "162", "165", "221", "225", "232", "233", "236", "256",
        "258", "292", "293", "294", "295", "318", "375", "411", "456", "460", "576", "577", "578",
        "586", "588", "595", "614", "623", "787", "mdoff",
    }
)  # fmt: skip


_OF_RECENT_TRADES: Final = frozenset({"294", "295", "595"})
_OPTIONABLE: Final = frozenset({"STK", "IND", "OPT", "FOP"})
_MONTH_IN_YEARS: Final = 30 / 365


def open_interest(contract: SimContract) -> float:
    """Return a contract's open interest: a number of its own that never changes."""
    return float(1_000 + contract.con_id % 9_973)


@final
class GenericTicks:
    """The generic ticks of one subscription.

    Args:
        session: Where ticks go.
        req_id: The subscription.
        codes: IB's comma-separated list of codes.
        simulation: Knows which shares can be borrowed, and the time.
    """

    def __init__(self, session: Session, req_id: int, codes: str, simulation: Simulation) -> None:
        self._simulation = simulation
        self._session = session
        self._req_id = req_id
        self._codes = {code.strip().partition(":")[0] for code in codes.split(",")} - {""}
        self._recent = RecentTrades() if self._codes & _OF_RECENT_TRADES else None
        unknown = self._codes - _KNOWN
        if unknown:
            session.error(
                req_id,
                321,
                f"Error validating request.-'bW' : cause - Incorrect generic tick list of {codes}.",
            )

    def begin(self, board: Board) -> None:
        """Send the ticks that do not wait for a trade."""
        contract, codes = board.contract, self._codes
        if contract.sec_type in {"STK", "OPT", "FUT", "FOP"}:
            self._generic(_HALTED, 0.0)
        if codes & {"221", "232"}:
            self._price(_MARK, board.mark)
        if contract.sec_type == "STK":
            self._stock(board)
        if contract.sec_type in _OPTIONABLE:
            self._options(board)
        if "588" in codes and contract.sec_type == "FUT":
            self._size(_FUTURES_OPEN_INTEREST, open_interest(contract))
        if "460" in codes and contract.sec_type == "BOND":
            self._generic(_BOND_FACTOR, 1.0)
        if "162" in codes and contract.sec_type == "IND":
            self._generic(_INDEX_FUTURE_PREMIUM, round(board.mark * _PREMIUM, 2))
        if contract.has_trades:
            self._traded(board)

    def _stock(self, board: Board) -> None:
        """Send figures of stocks and funds."""
        if "236" in self._codes:
            self._shortable(board.contract)
        if "456" in self._codes:
            self._string(_DIVIDENDS, "0.0,0.0,,")
        if "225" in self._codes:
            self._auction(board)
        if board.contract.stock_type == "ETF":
            self._asset_values(board)

    def _traded(self, board: Board) -> None:
        """Send figures about trades."""
        if "165" in self._codes:
            self._size(_AVERAGE_VOLUME, max(board.day_volume, 1.0))
        if self._recent is not None:
            self._pace(self._recent)

    def _auction(self, board: Board) -> None:
        """Send an auction in which all orders are paired."""
        self._price(_AUCTION_PRICE, board.mark)
        for tick_type in (_AUCTION_VOLUME, _AUCTION_IMBALANCE, _REGULATORY_IMBALANCE):
            self._size(tick_type, 0.0)

    def _asset_values(self, board: Board) -> None:
        """Send the net asset values of a fund that trades at them."""
        quote = board.quote
        values = (
            ("576", 94, quote.bid if quote else None),
            ("576", 95, quote.ask if quote else None),
            ("577", 96, board.mark),
            ("578", 92, board.close),
            ("578", 93, board.close),
            ("614", 98, board.high),
            ("614", 99, board.low),
            ("623", 97, board.mark),
        )
        for code, tick_type, value in values:
            if code in self._codes and value is not None:
                self._price(tick_type, value)

    def _pace(self, recent: RecentTrades) -> None:
        """Send trades and volume a minute, and the volumes of a few minutes."""
        number, volume = recent.total(1)
        if "294" in self._codes:
            self._generic(_TRADE_RATE, float(number))
        if "295" in self._codes:
            self._generic(_VOLUME_RATE, volume)
        if "595" in self._codes:
            for tick_type, minutes in _SHORT_TERM_VOLUMES:
                self._size(tick_type, recent.total(minutes)[1])

    def _shortable(self, contract: SimContract) -> None:
        """Send how easily shares are borrowed: 3 a thousand and more, 2 on request, 1 not."""
        left = self._simulation.desk.locator.left(contract)
        shares = _PLENTY if left is None else float(left)
        self._generic(_SHORTABLE, 3.0 if shares >= _EASY else 2.0 if shares > 0 else 1.0)
        self._size(_SHORTABLE_SHARES, shares)

    def _options(self, board: Board) -> None:
        """Send figures about the options on a contract, or about an option itself."""
        contract, codes = board.contract, self._codes
        own = contract.sec_type in {"OPT", "FOP"}
        if "101" in codes:
            self._pair(contract, _CALL_INTEREST, _PUT_INTEREST, open_interest(contract))
        if "100" in codes:
            volume = board.day_volume if own else open_interest(contract) // 10
            self._pair(contract, _CALL_VOLUME, _PUT_VOLUME, volume)
        if own:
            return
        volatility = model_volatility(board.mark, board.mark, _MONTH_IN_YEARS)
        if "104" in codes:
            self._generic(_HISTORICAL_VOLATILITY, volatility)
        if "411" in codes:
            self._generic(_LIVE_VOLATILITY, volatility)
        if "106" in codes:
            self._generic(_IMPLIED_VOLATILITY, volatility)
        if "105" in codes:
            self._size(_AVERAGE_OPTION_VOLUME, open_interest(contract) // 5)

    def _pair(self, contract: SimContract, call: int, put: int, amount: float) -> None:
        """Send a figure of calls and one of puts; an option has only its own."""
        self._size(call, 0.0 if contract.right == "P" else amount)
        self._size(put, 0.0 if contract.right == "C" else amount)

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
        if self._recent is not None:
            self._recent.add(trade)
            self._pace(self._recent)

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
