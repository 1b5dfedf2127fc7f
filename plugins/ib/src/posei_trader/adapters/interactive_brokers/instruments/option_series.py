"""Options of one series: built from the first of them, which was built and checked in full."""

from __future__ import annotations

import sys
from copy import copy
from typing import TYPE_CHECKING, Final, TypeAlias, final

from msgspec.structs import force_setattr

from posei_trader.adapters.interactive_brokers.contract_series import series_of
from posei_trader.model.identifiers import Symbol
from posei_trader.model.instruments import FutureOption, OptionContract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posei_trader.adapters.interactive_brokers.contract_types import (
        IBContractDetails,
        PriceIncrement,
    )
    from posei_trader.model.enums import OptionKind
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.values import Price

__all__ = ["OptionSeries"]

Option: TypeAlias = OptionContract | FutureOption

_CONTRACT: Final = "contract"


@final
class OptionSeries:
    """Makes the other options of a series.

    Args:
        details: IB's answer about the first.
        rule: The market rule it was built with.
        first: Its instrument.
        strike_price: Makes a price of IB's strike, as for the first.
    """

    __slots__ = ("_contract", "_first", "_rule", "_shared", "_strike_price")

    def __init__(
        self,
        details: IBContractDetails,
        rule: Sequence[PriceIncrement],
        first: Option,
        strike_price: Callable[[float], Price],
    ) -> None:
        self._shared = series_of(details)
        self._rule = rule
        self._first = first
        contract = first.info[_CONTRACT]
        self._contract: dict[str, object] = contract if isinstance(contract, dict) else {}
        self._strike_price = strike_price

    def has(self, details: IBContractDetails, rule: Sequence[PriceIncrement]) -> bool:
        """Return whether a contract is of this series, and says all that a member has to."""
        contract = details.contract
        return (
            series_of(details) == self._shared
            and rule == self._rule
            and contract.conId != 0
            and contract.localSymbol.strip() != ""
        )

    def member(
        self,
        details: IBContractDetails,
        instrument_id: InstrumentId,
        kind: OptionKind,
        strike: float,
        now_ns: int,
    ) -> Option:
        """Return the instrument of a contract that the series has."""
        contract = details.contract
        own: dict[str, object] = self._contract.copy()
        own["conId"] = contract.conId
        own["strike"] = strike
        own["right"] = sys.intern(contract.right)
        own["localSymbol"] = contract.localSymbol
        info = self._first.info.copy()
        info[_CONTRACT] = own
        option = copy(self._first)
        force_setattr(option, "id", instrument_id)
        force_setattr(option, "raw_symbol", Symbol(contract.localSymbol.strip()))
        force_setattr(option, "option_kind", kind)
        force_setattr(option, "strike_price", self._strike_price(strike))
        force_setattr(option, "info", info)
        force_setattr(option, "ts_event", now_ns)
        force_setattr(option, "ts_init", now_ns)
        return option
