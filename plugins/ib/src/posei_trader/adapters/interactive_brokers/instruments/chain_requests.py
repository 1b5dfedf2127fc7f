"""What a contract and the configuration say together about the derivatives to load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, final

from posei_trader.adapters.interactive_brokers.instruments.chains import (
    ChainRequest,
    ExpiryWindow,
)
from posei_trader.errors import ConfigError, InvalidRequest

if TYPE_CHECKING:
    import datetime as dt

    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersInstrumentProviderConfig,
    )
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract

__all__ = ["ChainPlan", "ChainPolicy"]

_HAVE_FUTURES: Final = frozenset({"FUT", "CONTFUT", "IND"})
_HAVE_OPTIONS: Final = frozenset({"STK", "IND", "FUT", "CONTFUT"})
_STRIKE_FILTERS: Final = ("min_strike", "max_strike")
_TEXT_FILTERS: Final = ("right", "trading_class")
_RIGHTS: Final = {"": "", "C": "C", "CALL": "C", "P": "P", "PUT": "P"}


class ChainPlan(NamedTuple):
    """What to load with one contract.

    Attributes:
        futures: Whether to load the futures of the family.
        options: Whether to load options: on the contract, or on the family's futures.
        futures_window: Expiries of futures.
        request: Which options.
    """

    futures: bool
    options: bool
    futures_window: ExpiryWindow
    request: ChainRequest


@final
class ChainPolicy:
    """The configuration's part: what holds for contracts that do not say otherwise.

    Args:
        config: The provider's configuration. Its `filters` may name `right`, `trading_class`,
            `min_strike` and `max_strike` for options chains.

    Raises:
        ConfigError: a filter is unknown or has the wrong type.
    """

    def __init__(self, config: InteractiveBrokersInstrumentProviderConfig) -> None:
        self._config = config
        known = (*_TEXT_FILTERS, *_STRIKE_FILTERS)
        for name, value in config.filters.items():
            if name not in known:
                raise _wrong_filter(name, value, f"the filters are {', '.join(known)}")
        self._right = _right(self._text_filter("right"))
        self._trading_class = self._text_filter("trading_class")
        self._low, self._high = (self._strike_filter(name) for name in _STRIKE_FILTERS)

    def plan(self, contract: IBContract, today: dt.date) -> ChainPlan:
        """Return what to load with a contract; its own flags go before the configuration's.

        Raises:
            InvalidRequest: both together leave no expiry.
        """
        config, kind = self._config, contract.secType
        futures, options = contract.build_futures_chain, contract.build_options_chain
        if futures is None:
            futures = config.build_futures_chain and kind in _HAVE_FUTURES
        if options is None:
            options = config.build_options_chain and kind in _HAVE_OPTIONS
        low = (
            config.min_expiry_days if contract.min_expiry_days is None else contract.min_expiry_days
        )
        high = (
            config.max_expiry_days if contract.max_expiry_days is None else contract.max_expiry_days
        )
        if (futures or options) and high is not None and low > high:
            raise InvalidRequest(
                "contract and configuration together leave no expiry to load",
                field="min_expiry_days, max_expiry_days",
                value=(low, high),
                remedy=f"give both on the contract: {contract.bare()}",
            )
        only = contract.lastTradeDateOrContractMonth
        of_future = kind == "FUT"
        window = ExpiryWindow(today, low, high)
        narrowed = window._replace(only=only)
        request = ChainRequest(
            # The expiry of a future says which future is meant, not which of its options.
            window=window if of_future else narrowed,
            exchange=contract.options_chain_exchange or "",
            trading_class=self._trading_class,
            right=_right(contract.right) or self._right,
            min_strike=self._low if contract.min_strike is None else contract.min_strike,
            max_strike=self._high if contract.max_strike is None else contract.max_strike,
        )
        return ChainPlan(bool(futures), bool(options), narrowed, request)

    def _text_filter(self, name: str) -> str:
        value = self._config.filters.get(name, "")
        if not isinstance(value, str):
            raise _wrong_filter(name, value, "give a text")
        return value

    def _strike_filter(self, name: str) -> float | None:
        value = self._config.filters.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong_filter(name, value, "give a number")
        return float(value)


def _right(text: str) -> str:
    right = _RIGHTS.get(text.upper())
    if right is None:
        raise InvalidRequest(
            "a right is C or P", field="right", value=text, remedy="leave it out for both"
        )
    return right


def _wrong_filter(name: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(
        "the filter cannot be used", field=f"filters.{name}", value=value, remedy=remedy
    )
