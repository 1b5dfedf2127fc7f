"""Combos: contracts made of legs by whoever asks for them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from posei_ib_sim.contracts.model import Leg, SimContract
from posei_ib_sim.errors import RequestRefused, UnknownContract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_ib_sim.contracts.database import ContractDatabase

__all__ = ["COMBO_CON_ID", "combo_of"]

COMBO_CON_ID: Final = 28812380
"""The conId under which IB reports every combo."""

_MIN_TICK: Final = Decimal("0.01")


def combo_of(
    database: ContractDatabase,
    symbol: str,
    currency: str,
    exchange: str,
    legs: Sequence[tuple[int, int, str]],
) -> SimContract:
    """Return the contract of a combo, the same one for the same legs.

    Args:
        database: Finds the legs and keeps the combo.
        symbol: The combo's symbol, usually the underlying's.
        currency: Its currency.
        exchange: Where it is routed.
        legs: conId, ratio and action ("BUY" or "SELL") of each leg.

    Raises:
        RequestRefused: 321 for a combo without legs or with a leg that cannot be.
    """
    if not legs:
        raise RequestRefused(
            321, "Error validating request.-'bR' : cause - Missing or invalid combo legs"
        )
    resolved = []
    for con_id, ratio, action in legs:
        try:
            contract = database.get(con_id)
        except UnknownContract:
            raise RequestRefused(
                321, f"Error validating request.-'bR' : cause - Leg conId {con_id} is unknown"
            ) from None
        if ratio <= 0 or action not in {"BUY", "SELL", "SSHORT"}:
            raise RequestRefused(
                321,
                f"Error validating request.-'bR' : cause - Leg {con_id} needs a ratio above 0 and "
                "the action BUY or SELL",
            )
        resolved.append(Leg(contract, ratio if action == "BUY" else -ratio))
    first = resolved[0].contract
    name = ",".join(f"{leg.contract.con_id}|{leg.ratio}" for leg in resolved)
    identity = f"BAG {symbol} {name}"
    known = database.combo(identity)
    if known is not None:
        return msgspec.structs.replace(known, exchange=exchange or known.exchange)
    combo = SimContract(
        con_id=database.free_con_id(identity),
        symbol=symbol or first.symbol,
        sec_type="BAG",
        exchange=exchange or "SMART",
        currency=currency or first.currency,
        local_symbol=symbol or first.symbol,
        trading_class="COMB",
        min_tick=min(_MIN_TICK, *(leg.contract.min_tick for leg in resolved)),
        hours=first.hours,
        zone=first.zone,
        routes=(exchange or "SMART",),
        long_name=name,
        legs=tuple(resolved),
        reference_price=round(
            sum(leg.contract.reference_price * leg.ratio for leg in resolved), 10
        ),
    )
    database.add_combo(identity, combo)
    return combo
