"""At which price a difference of positions is booked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["gap_price"]


def gap_price(
    held: Decimal,
    cost: Decimal,
    told: Decimal,
    told_avg: Decimal | None,
    mark: Decimal | None,
) -> Decimal | None:
    """Return the price at which to book `told - held`, None when none can be known.

    When the venue's position is ours with more added, its average decides: after booking, our
    average equals the venue's. When it is smaller or gone, something was closed unseen: our own
    average is used, so that no profit is invented. A turned position is opened at its average.

    Args:
        held: Units we know of, signed.
        cost: Units times average price of what we know of, signed.
        told: Units the venue holds, signed.
        told_avg: The venue's average price, where it says it.
        mark: A market price, where one is known.
    """
    adds = held == 0 or (abs(told) > abs(held) and held * told > 0)
    if adds and told_avg is not None:
        return (told * told_avg - cost) / (told - held)
    if adds:
        return mark
    if held * told < 0:
        # Close at our average, open at theirs: the mix of both is one price.
        opened = mark if told_avg is None else told_avg
        return None if opened is None else (told * opened - cost) / (told - held)
    return cost / held
