"""What-if orders: IB says what an order would cost and lock, and trades nothing."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from posei_trader.adapters.interactive_brokers.wire_values import decimal_from_wire, is_set
from posei_trader.model.reports import OrderPreview

if TYPE_CHECKING:
    from ibapi.order_state import OrderState


def preview_of(state: OrderState) -> OrderPreview:
    """Read what IB put into the state of a what-if order."""
    return OrderPreview(
        initial_margin=(
            _amount(state.initMarginBefore),
            _amount(state.initMarginChange),
            _amount(state.initMarginAfter),
        ),
        maintenance_margin=(
            _amount(state.maintMarginBefore),
            _amount(state.maintMarginChange),
            _amount(state.maintMarginAfter),
        ),
        equity=(
            _amount(state.equityWithLoanBefore),
            _amount(state.equityWithLoanChange),
            _amount(state.equityWithLoanAfter),
        ),
        commission=_amount(_cost(state, "")),
        min_commission=_amount(_cost(state, "min")),
        max_commission=_amount(_cost(state, "max")),
        commission_currency=str(
            getattr(state, "commissionAndFeesCurrency", "")
            or getattr(state, "commissionCurrency", "")
        ),
        warning=state.warningText or "",
    )


def _cost(state: OrderState, prefix: str) -> object:
    """Return a commission under its present or its former name in ibapi."""
    for name in ("commissionAndFees", "commission"):
        attribute = f"{prefix}{name[0].upper()}{name[1:]}" if prefix else name
        if hasattr(state, attribute):
            return getattr(state, attribute)
    return None


def _amount(value: object) -> Decimal | None:
    if isinstance(value, float | Decimal):
        return decimal_from_wire(value) if is_set(value) else None
    if not isinstance(value, str) or not value:
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount if is_set(amount) else None
