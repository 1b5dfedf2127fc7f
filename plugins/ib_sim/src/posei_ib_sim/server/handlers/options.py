"""Option calculations, option ticks and exercise."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.contracts.described import query_of
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.market.option_model import (
    implied_volatility,
    model_volatility,
    value,
    years_between,
)
from posei_ib_sim.market.option_tape import expiry_ns

if TYPE_CHECKING:
    from posei_ib_sim.contracts import SimContract
    from posei_ib_sim.market import Board
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session
    from posei_ib_sim.simulation import Simulation

__all__ = ["OptionHandlers", "OptionTicks"]

_CUSTOM: Final = 53
_EXERCISE, _LAPSE = 1, 2
_OPTIONS: Final = frozenset({"OPT", "FOP"})


def _require_option(contract: SimContract) -> None:
    if contract.sec_type not in _OPTIONS:
        raise RequestRefused(
            321, "Error validating request.-'bB' : cause - The contract is no option"
        )


@final
class OptionTicks:
    """The computed ticks of one market data subscription to an option.

    Args:
        session: Where ticks go.
        req_id: The subscription.
        contract: The option.
        simulation: Gives the underlying's price.
        delayed: Whether the delayed tick types are used.
        model_only: Whether only the model's value is sent, which needs no subscription.
    """

    def __init__(
        self,
        session: Session,
        req_id: int,
        contract: SimContract,
        simulation: Simulation,
        *,
        delayed: bool,
        model_only: bool = False,
    ) -> None:
        self._model_only = model_only
        self._session = session
        self._req_id = req_id
        self._contract = contract
        self._clock = simulation.clock
        self._expiry_ns = expiry_ns(contract, simulation.hours)
        underlying = simulation.contracts.get(contract.under_con_id)
        self._underlying = simulation.feed.board(underlying)
        self._types = (80, 81, 83) if delayed else (10, 11, 13)
        self._last_type = 82 if delayed else 12

    def send(self, board: Board) -> None:
        """Send the values implied by bid and ask, and the model's."""
        quote = board.quote
        if quote is None:
            return
        bid, ask, model = self._types
        spot = self._underlying.mark
        quoted = not self._model_only
        if quoted and quote.bid > 0:
            self._computed(bid, quote.bid, spot)
        if quoted and quote.ask > 0:
            self._computed(ask, quote.ask, spot)
        years = years_between(self._clock.now_ns, self._expiry_ns)
        self._tick(model, spot, model_volatility(spot, float(self._contract.strike), years), years)

    def trade(self, price: float) -> None:
        """Send the values implied by a trade's price."""
        if not self._model_only:
            self._computed(self._last_type, price, self._underlying.mark)

    def _computed(self, tick_type: int, price: float, spot: float) -> None:
        contract = self._contract
        years = years_between(self._clock.now_ns, self._expiry_ns)
        volatility = implied_volatility(
            price, spot, float(contract.strike), years, call=contract.right == "C"
        )
        self._tick(tick_type, spot, volatility, years)

    def _tick(self, tick_type: int, spot: float, volatility: float | None, years: float) -> None:
        contract = self._contract
        if volatility is None:
            self._session.send(_not_computed(self._req_id, tick_type, spot))
            return
        greeks = value(spot, float(contract.strike), years, volatility, call=contract.right == "C")
        self._session.send(
            wire.TickOptionComputation(
                reqId=self._req_id,
                tickType=tick_type,
                tickAttrib=1,
                impliedVol=volatility,
                delta=greeks.delta,
                optPrice=greeks.price,
                pvDividend=0.0,
                gamma=greeks.gamma,
                vega=greeks.vega,
                theta=greeks.theta,
                undPrice=spot,
            )
        )


def _not_computed(req_id: int, tick_type: int, spot: float) -> wire.TickOptionComputation:
    return wire.TickOptionComputation(
        reqId=req_id,
        tickType=tick_type,
        tickAttrib=1,
        impliedVol=-1.0,
        delta=-2.0,
        optPrice=-1.0,
        pvDividend=-1.0,
        gamma=-2.0,
        vega=-2.0,
        theta=-2.0,
        undPrice=spot,
    )


@final
class OptionHandlers:
    """Serves option calculations and exercise."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.CalculateImpliedVolatilityRequest, self.implied)
        routes.add(wire.CancelCalculateImpliedVolatility, self.implied_answered)
        routes.add(wire.CalculateOptionPriceRequest, self.price)
        routes.add(wire.CancelCalculateOptionPrice, self.price_answered)
        routes.add(wire.ExerciseOptionsRequest, self.exercise)

    def implied(self, session: Session, message: wire.CalculateImpliedVolatilityRequest) -> None:
        """Answer the volatility that gives a price."""
        contract, years = self._option(message.contract)
        spot, price = message.underPrice or 0.0, message.optionPrice or 0.0
        found = implied_volatility(
            price, spot, float(contract.strike), years, call=contract.right == "C"
        )
        self._answer(session, message.reqId or 0, contract, spot, found, years)

    def price(self, session: Session, message: wire.CalculateOptionPriceRequest) -> None:
        """Answer the price that a volatility gives."""
        contract, years = self._option(message.contract)
        spot, volatility = message.underPrice or 0.0, message.volatility
        self._answer(session, message.reqId or 0, contract, spot, volatility, years)

    def implied_answered(
        self, session: Session, message: wire.CancelCalculateImpliedVolatility
    ) -> None:
        """Accept a cancellation that comes after the answer."""

    def price_answered(self, session: Session, message: wire.CancelCalculateOptionPrice) -> None:
        """Accept a cancellation that comes after the answer."""

    def exercise(self, session: Session, message: wire.ExerciseOptionsRequest) -> None:
        """Exercise or lapse a long option position: the option goes, the underlying comes."""
        simulation = self._server.simulation
        contract = simulation.contract_of(message.contract)
        _require_option(contract)
        if message.exerciseAction not in {_EXERCISE, _LAPSE}:
            raise RequestRefused(321, "Error validating request.-'bI' : cause - exerciseAction")
        book = simulation.accounts
        account = book.get(message.account) if message.account else book.default
        quantity = Decimal(message.exerciseQuantity or 0)
        held = account.position(contract).quantity
        if quantity <= 0 or held < quantity:
            raise RequestRefused(
                201,
                f"Order rejected - reason:No unlapsed position exists in this option in account "
                f"{account.account_id}.",
            )
        simulation.desk.exercise(
            (session.client_id or 0, message.orderId or 0),
            account,
            contract,
            quantity,
            lapse=message.exerciseAction == _LAPSE,
        )

    def _option(self, described: wire.Contract) -> tuple[SimContract, float]:
        simulation = self._server.simulation
        contract = simulation.contracts.one(query_of(described))
        _require_option(contract)
        return contract, years_between(self._server.now_ns, expiry_ns(contract, simulation.hours))

    @staticmethod
    def _answer(
        session: Session,
        req_id: int,
        contract: SimContract,
        spot: float,
        volatility: float | None,
        years: float,
    ) -> None:
        if volatility is None or spot <= 0:
            session.send(_not_computed(req_id, _CUSTOM, spot))
            return
        greeks = value(spot, float(contract.strike), years, volatility, call=contract.right == "C")
        session.send(
            wire.TickOptionComputation(
                reqId=req_id,
                tickType=_CUSTOM,
                tickAttrib=1,
                impliedVol=volatility,
                delta=greeks.delta,
                optPrice=greeks.price,
                pvDividend=0.0,
                gamma=greeks.gamma,
                vega=greeks.vega,
                theta=greeks.theta,
                undPrice=spot,
            )
        )
