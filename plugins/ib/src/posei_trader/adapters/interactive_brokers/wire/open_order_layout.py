"""Where things stand in an open order that comes as text.

It has 120 to 160 fields, whose places depend on the server's version and on the order: legs,
algorithms, conditions and the like stand in between. Only orders without any of these are read by
place; a message that has another number of fields, or says that it has such parts, is none.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

    Picker = Callable[[list[bytes]], tuple[bytes, ...]]

__all__ = ["OpenOrderLayout"]

_UP_TO_HEDGE: Final = """
orderId conId symbol secType lastTradeDateOrContractMonth strike right multiplier exchange currency
localSymbol tradingClass action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account
openClose origin orderRef clientId permId outsideRth hidden discretionaryAmt goodAfterTime
sharesAllocation faGroup faMethod faPercentage faProfile@..176 modelCode goodTillDate rule80A
percentOffset settlingFirm shortSaleSlot designatedLocation exemptCode auctionStrategy startingPrice
stockRefPrice delta stockRangeLower stockRangeUpper displaySize blockOrder sweepToFill allOrNone
minQty ocaType eTradeOnly firmQuoteOnly nbboPriceCap parentId triggerMethod volatility
volatilityType deltaNeutralOrderType deltaNeutralAuxPrice
"""
"""With the first and the last server version that has a field, where not all have it."""

_HEDGE: Final = """
deltaNeutralConId deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent
deltaNeutralOpenClose deltaNeutralShortSale deltaNeutralShortSaleSlot
deltaNeutralDesignatedLocation
"""
"""Behind a `deltaNeutralOrderType`, which may be the word ``None``."""

_FROM_HEDGE: Final = """
continuousUpdate referencePriceType volatilityStopPrice trailingPercent basisPoints basisPointsType
comboLegsDescrip comboLegs orderComboLegs smartComboRoutingParams scaleInitLevelSize
scaleSubsLevelSize scalePriceIncrement hedgeType optOutSmartRouting clearingAccount clearingIntent
notHeld deltaNeutralContract algoStrategy solicited whatIf status initMarginBefore
maintMarginBefore equityWithLoanBefore initMarginChange maintMarginChange equityWithLoanChange
initMarginAfter maintMarginAfter equityWithLoanAfter commission minCommission maxCommission
commissionCurrency marginCurrency@195.. initMarginBeforeOutsideRTH@195..
maintMarginBeforeOutsideRTH@195.. equityWithLoanBeforeOutsideRTH@195..
initMarginChangeOutsideRTH@195.. maintMarginChangeOutsideRTH@195..
equityWithLoanChangeOutsideRTH@195.. initMarginAfterOutsideRTH@195..
maintMarginAfterOutsideRTH@195.. equityWithLoanAfterOutsideRTH@195.. suggestedSize@195..
rejectReason@195.. orderAllocations@195.. warningText randomizeSize randomizePrice conditions
adjustedOrderType triggerPrice trailStopPrice lmtPriceOffset adjustedStopPrice
adjustedStopLimitPrice adjustedTrailingAmount adjustableTrailingUnit softDollarTierName
softDollarTierValue softDollarTierDisplayName cashQty dontUseAutoPriceForHedge isOmsContainer
discretionaryUpToLimitPrice usePriceMgmtAlgo duration@158.. postToAts@160.. autoCancelParent@162..
minTradeQty@170.. minCompeteSize@170.. competeAgainstBestOffset@170.. midOffsetAtWhole@170..
midOffsetAtHalf@170.. customerAccount@183.. professionalCustomer@184.. bondAccruedInterest@185..
includeOvernight@189.. extOperator@193.. manualOrderIndicator@193.. submitter@198..
imbalanceOnly@199..
"""

_PARTS: Final = frozenset(
    {
        "comboLegs",
        "orderComboLegs",
        "smartComboRoutingParams",
        "scalePriceIncrement",
        "hedgeType",
        "deltaNeutralContract",
        "algoStrategy",
        "conditions",
        "orderAllocations",
    }
)
"""Fields behind which others stand, if these are set."""

_UNSET: Final = frozenset({b"", b"0", b"1.7976931348623157E308"})


def _names(table: str, server_version: int) -> list[str]:
    names = []
    for entry in table.split():
        name, _, versions = entry.partition("@")
        first, _, last = versions.partition("..")
        if int(first or 0) <= server_version <= int(last or server_version):
            names.append(name)
    return names


@final
class OpenOrderLayout:
    """Picks some fields of the open orders of one server version.

    Args:
        server_version: The negotiated version.
        wanted: IB's names of the fields; of those that the version does not have, it picks an
            empty text.
    """

    __slots__ = ("_hedge", "_hedged", "_plain")

    def __init__(self, server_version: int, wanted: tuple[str, ...]) -> None:
        before = _names(_UP_TO_HEDGE, server_version)
        behind = _names(_FROM_HEDGE, server_version)
        self._hedge = before.index("deltaNeutralOrderType")
        self._plain = _pickers([*before, *behind], wanted)
        self._hedged = _pickers([*before, *_HEDGE.split(), *behind], wanted)

    def pick(self, fields: list[bytes]) -> tuple[bytes, ...] | None:
        """Return the wanted fields; None for an order that has further parts.

        Args:
            fields: The message's, and behind them the empty end of the last.
        """
        if len(fields) <= self._hedge:
            return None
        size, parts, wanted = self._hedged if fields[self._hedge] else self._plain
        if len(fields) != size or not _UNSET.issuperset(parts(fields)):
            return None
        return wanted(fields)


def _pickers(names: list[str], wanted: tuple[str, ...]) -> tuple[int, Picker, Picker]:
    """Return how many fields there are, the empty end included, and what picks from them."""
    places = {name: at for at, name in enumerate(names)}
    end = len(names)
    return (
        end + 1,
        itemgetter(*(at for name, at in places.items() if name in _PARTS)),
        itemgetter(*(places.get(name, end) for name in wanted)),
    )
