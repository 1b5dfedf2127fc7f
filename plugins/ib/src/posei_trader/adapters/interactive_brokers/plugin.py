"""The light description of this plugin: names and import strings, nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.plugins import Capability, ProviderSpec, Support, Tier, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.plugins import CliRegister

__all__ = ["posei_cli", "posei_providers"]

_PACKAGE = "posei_trader.adapters.interactive_brokers"
_C = Capability
_FULL = Support.FULL


@hookimpl
def posei_providers() -> Iterable[ProviderSpec]:
    """Describe Interactive Brokers to the registry."""
    return (
        ProviderSpec(
            name="ib",
            summary="Interactive Brokers through TWS or IB Gateway: data, history, execution",
            api=1,
            data=f"{_PACKAGE}.data:InteractiveBrokersDataClient",
            execution=f"{_PACKAGE}.execution:InteractiveBrokersExecutionClient",
            instruments=f"{_PACKAGE}.providers:InteractiveBrokersInstrumentProvider",
            data_config=f"{_PACKAGE}.config:InteractiveBrokersDataClientConfig",
            exec_config=f"{_PACKAGE}.config:InteractiveBrokersExecClientConfig",
            instruments_config=f"{_PACKAGE}.config:InteractiveBrokersInstrumentProviderConfig",
            data_factory=f"{_PACKAGE}.factories:InteractiveBrokersLiveDataClientFactory",
            exec_factory=f"{_PACKAGE}.factories:InteractiveBrokersLiveExecClientFactory",
            symbology={
                "ib_simplified": f"{_PACKAGE}.symbology:SimplifiedSymbology",
                "ib_raw": f"{_PACKAGE}.symbology:RawSymbology",
            },
            capabilities={
                _C.INSTRUMENTS: _FULL,
                _C.INSTRUMENT_SEARCH: _FULL,
                _C.FUTURES_CHAIN: _FULL,
                _C.OPTIONS_CHAIN: _FULL,
                _C.QUOTES: _FULL,
                _C.TRADES: Support.PARTIAL("spot forex has no trades"),
                _C.BARS: Support.PARTIAL("1-second bars are made of ticks on our side"),
                _C.ORDER_BOOK_DELTAS: Support.PARTIAL("by price level and market maker, no L3"),
                _C.ORDER_BOOK_DEPTH: _FULL,
                _C.INSTRUMENT_STATUS: Support.PARTIAL("halts only"),
                _C.GREEKS: _FULL,
                _C.NEWS: Support.NOT_IMPLEMENTED,
                _C.HISTORICAL_QUOTES: _FULL,
                _C.HISTORICAL_TRADES: Support.PARTIAL("spot forex has no trades"),
                _C.HISTORICAL_BARS: _FULL,
                _C.MARKET_ORDERS: _FULL,
                _C.LIMIT_ORDERS: _FULL,
                _C.STOP_ORDERS: _FULL,
                _C.IF_TOUCHED_ORDERS: _FULL,
                _C.TRAILING_ORDERS: _FULL,
                _C.AUCTION_ORDERS: _FULL,
                _C.BRACKET_ORDERS: _FULL,
                _C.OCO_ORDERS: _FULL,
                _C.CONDITIONAL_ORDERS: _FULL,
                _C.SPREAD_ORDERS: _FULL,
                _C.MODIFY_ORDERS: _FULL,
                _C.CANCEL_ORDERS: _FULL,
                _C.CANCEL_ALL: Support.EMULATED.because("one by one, never another strategy's"),
                _C.ACCOUNT_STATE: _FULL,
                _C.POSITIONS: _FULL,
                _C.EXECUTION_REPORTS: _FULL,
                _C.RECONCILIATION: _FULL,
                _C.RECONNECT: _FULL,
                _C.SYMBOLOGY: _FULL,
            },
            docs="plugins/ib/README.md",
            owner="PoseiTrader",
            tier=Tier.OFFICIAL,
        ),
    )


@hookimpl
def posei_cli(register: CliRegister) -> None:
    """Add `posei ib`."""
    register("ib", f"{_PACKAGE}.cli:app", "Ask TWS or IB Gateway for contracts and history.")
