"""What a derivative derives from: asset class and the underlying's symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.symbology.exchanges import EXCHANGES
from posei_trader.model.enums import AssetClass

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.contract_types import IBContractDetails

__all__ = ["asset_class_of", "listing_mic", "underlying_symbol"]

_CLASS_OF_TYPE: Final = {
    "STK": AssetClass.EQUITY,
    "FUND": AssetClass.EQUITY,
    "IND": AssetClass.INDEX,
    "CASH": AssetClass.FX,
    "CMDTY": AssetClass.COMMODITY,
    "BOND": AssetClass.DEBT,
    "BILL": AssetClass.DEBT,
    "FIXED": AssetClass.DEBT,
    "CRYPTO": AssetClass.CRYPTOCURRENCY,
}
# IB files futures on rates, metals and energy under underlyings of type IND; the industry tells.
_CLASS_OF_WORD: Final = (
    ("crypto", AssetClass.CRYPTOCURRENCY),
    ("currenc", AssetClass.FX),
    ("government", AssetClass.DEBT),
    ("interest rate", AssetClass.DEBT),
    ("bond", AssetClass.DEBT),
    ("commodit", AssetClass.COMMODITY),
    ("energy", AssetClass.COMMODITY),
    ("metal", AssetClass.COMMODITY),
    ("agricult", AssetClass.COMMODITY),
    ("indices", AssetClass.INDEX),
    ("index", AssetClass.INDEX),
)


def asset_class_of(details: IBContractDetails) -> AssetClass:
    """Return the asset class of a derivative's underlying; ALTERNATIVE where IB does not say."""
    words = f"{details.industry} {details.category} {details.subcategory}".lower()
    if details.underSecType in {"", "IND", "FUT"}:
        for word, asset_class in _CLASS_OF_WORD:
            if word in words:
                return asset_class
    return _CLASS_OF_TYPE.get(details.underSecType, AssetClass.ALTERNATIVE)


def underlying_symbol(details: IBContractDetails) -> str:
    """Return the underlying's symbol as ids have it: indices with a circumflex."""
    symbol = details.underSymbol or details.contract.symbol
    return f"^{symbol}" if details.underSecType == "IND" else symbol


def listing_mic(details: IBContractDetails) -> str:
    """Return the MIC of the listing exchange, empty where it has none."""
    contract = details.contract
    for code in (contract.primaryExchange, contract.exchange):
        if code in EXCHANGES and EXCHANGES[code].mic:
            return EXCHANGES[code].mic
    return ""
