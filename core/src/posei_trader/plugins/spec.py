"""What a plugin says about itself without being imported: names, parts as strings, capabilities."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum, unique
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "API_VERSION",
    "PARTS",
    "SUPPORTED_API",
    "Capability",
    "ProviderSpec",
    "Support",
    "SupportLevel",
    "Tier",
    "is_reference",
    "require_name",
    "require_reference",
]

API_VERSION: Final = 1
"""The plugin API of this core. A plugin states the number it was written for as a literal."""

SUPPORTED_API: Final = frozenset({1})
"""Every plugin API that this core still serves."""

PARTS: Final = (
    "config",
    "data",
    "execution",
    "instruments",
    "gateway",
    "data_config",
    "exec_config",
    "instruments_config",
    "data_factory",
    "exec_factory",
    "instruments_factory",
)
"""The fields of `ProviderSpec` that hold a single ``"module:attr"`` reference."""


@unique
class Capability(StrEnum):
    """Name one thing that a provider may be able to do."""

    # instruments
    INSTRUMENTS = "instruments"
    INSTRUMENT_SEARCH = "instrument_search"
    FUTURES_CHAIN = "futures_chain"
    OPTIONS_CHAIN = "options_chain"
    # streaming data
    QUOTES = "quotes"
    TRADES = "trades"
    BARS = "bars"
    ORDER_BOOK_DELTAS = "order_book_deltas"
    ORDER_BOOK_DEPTH = "order_book_depth"
    INSTRUMENT_STATUS = "instrument_status"
    GREEKS = "greeks"
    NEWS = "news"
    # historical data
    HISTORICAL_QUOTES = "historical_quotes"
    HISTORICAL_TRADES = "historical_trades"
    HISTORICAL_BARS = "historical_bars"
    # orders
    MARKET_ORDERS = "market_orders"
    LIMIT_ORDERS = "limit_orders"
    STOP_ORDERS = "stop_orders"
    IF_TOUCHED_ORDERS = "if_touched_orders"
    TRAILING_ORDERS = "trailing_orders"
    AUCTION_ORDERS = "auction_orders"
    BRACKET_ORDERS = "bracket_orders"
    OCO_ORDERS = "oco_orders"
    CONDITIONAL_ORDERS = "conditional_orders"
    SPREAD_ORDERS = "spread_orders"
    MODIFY_ORDERS = "modify_orders"
    CANCEL_ORDERS = "cancel_orders"
    CANCEL_ALL = "cancel_all"
    # account
    ACCOUNT_STATE = "account_state"
    POSITIONS = "positions"
    EXECUTION_REPORTS = "execution_reports"
    RECONCILIATION = "reconciliation"
    # running
    RECONNECT = "reconnect"
    SYMBOLOGY = "symbology"
    GATEWAY = "gateway"


@unique
class SupportLevel(Enum):
    """Grade how far a provider supports a capability."""

    FULL = "full"
    PARTIAL = "partial"
    EMULATED = "emulated"
    NOT_IMPLEMENTED = "not implemented"
    UNSUPPORTED = "unsupported"


@final
@dataclass(frozen=True, slots=True)
class Support:
    """Say how far a capability is supported, with a note where that needs words.

    ``FULL``: as the venue does it. ``PARTIAL(note)``: with the named gap. ``EMULATED``: done on our
    side. ``NOT_IMPLEMENTED``: the venue can, this plugin cannot yet. ``UNSUPPORTED``: the venue
    cannot.
    """

    level: SupportLevel
    note: str = ""

    FULL: ClassVar[Support]
    EMULATED: ClassVar[Support]
    NOT_IMPLEMENTED: ClassVar[Support]
    UNSUPPORTED: ClassVar[Support]

    def __post_init__(self) -> None:
        if self.level is SupportLevel.PARTIAL and not self.note.strip():
            raise ValueError("Support.PARTIAL needs a note that names the gap")

    @classmethod
    def PARTIAL(cls, note: str) -> Support:
        """Return partial support; the note names what is missing."""
        return cls(SupportLevel.PARTIAL, note)

    def because(self, note: str) -> Support:
        """Return the same level with an explanation."""
        return Support(self.level, note)

    @property
    def is_available(self) -> bool:
        """Whether a user can rely on the capability at all."""
        return self.level in {SupportLevel.FULL, SupportLevel.PARTIAL, SupportLevel.EMULATED}

    def __str__(self) -> str:
        return f"{self.level.value} ({self.note})" if self.note else self.level.value


Support.FULL = Support(SupportLevel.FULL)
Support.EMULATED = Support(SupportLevel.EMULATED)
Support.NOT_IMPLEMENTED = Support(SupportLevel.NOT_IMPLEMENTED)
Support.UNSUPPORTED = Support(SupportLevel.UNSUPPORTED)


@unique
class Tier(StrEnum):
    """Say who looks after a plugin."""

    OFFICIAL = "official"
    PARTNER = "partner"
    COMMUNITY = "community"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """Describe one provider so that it can be listed, checked and configured without importing it.

    Every part is a ``"package.module:attribute"`` string that is imported when it is first needed.

    Args:
        name: Lower-case identifier that users write in their configuration, such as ``"ib"``.
        summary: One line for people.
        api: The plugin API it was written for, as a literal number (see `API_VERSION`).
        config: Config class of the provider itself; for a gateway, its `GatewayConfig`.
        data: Class that implements `posei_trader.protocols.DataClient`.
        execution: Class that implements `posei_trader.protocols.ExecClient`.
        instruments: Class that implements `posei_trader.protocols.InstrumentProvider`.
        gateway: Class that implements `posei_trader.protocols.Gateway`.
        data_config: Subclass of `posei_trader.config.LiveDataClientConfig`.
        exec_config: Subclass of `posei_trader.config.LiveExecClientConfig`.
        instruments_config: Subclass of `posei_trader.config.InstrumentProviderConfig`.
        data_factory: `posei_trader.protocols.DataClientFactory` that a node builds clients with.
        exec_factory: `posei_trader.protocols.ExecClientFactory`, likewise.
        instruments_factory: `posei_trader.protocols.InstrumentProviderFactory`, likewise.
        symbology: Name to a class or object that implements `posei_trader.protocols.Symbology`.
        capabilities: What it can do; a capability that is not listed is `Support.UNSUPPORTED`.
        venues: Venue codes it serves, empty if it is not limited to a list.
        docs: URL of its documentation; for the first-party ones, the page in the repository.
        owner: Who looks after it.
        tier: How official it is.

    Raises:
        ValueError: A name or a reference does not have the documented form.
    """

    name: str
    summary: str
    api: int
    config: str | None = None
    data: str | None = None
    execution: str | None = None
    instruments: str | None = None
    gateway: str | None = None
    data_config: str | None = None
    exec_config: str | None = None
    instruments_config: str | None = None
    data_factory: str | None = None
    exec_factory: str | None = None
    instruments_factory: str | None = None
    symbology: Mapping[str, str] = field(default_factory=dict, hash=False)
    capabilities: Mapping[Capability, Support] = field(default_factory=dict, hash=False)
    venues: tuple[str, ...] = ()
    docs: str | None = None
    owner: str | None = None
    tier: Tier = Tier.COMMUNITY

    def __post_init__(self) -> None:
        require_name("ProviderSpec.name", self.name)
        for part, reference in self.parts().items():
            require_reference(f"ProviderSpec.{part}", reference)
        object.__setattr__(self, "symbology", MappingProxyType(dict(self.symbology)))
        object.__setattr__(self, "capabilities", MappingProxyType(dict(self.capabilities)))
        object.__setattr__(self, "venues", tuple(self.venues))

    def parts(self) -> dict[str, str]:
        """Return every reference by its part name; a symbology appears as ``symbology.NAME``."""
        single = {part: getattr(self, part) for part in PARTS}
        found = {part: reference for part, reference in single.items() if reference is not None}
        found.update({f"symbology.{name}": target for name, target in self.symbology.items()})
        return found

    def support(self, capability: Capability) -> Support:
        """Return how far a capability is supported."""
        return self.capabilities.get(capability, Support.UNSUPPORTED)


def require_name(what: str, name: object) -> None:
    """Refuse what is no lower-case identifier.

    Raises:
        ValueError: it is not.
    """
    if not (isinstance(name, str) and name.isascii() and _is_lower_identifier(name)):
        raise ValueError(f"{what} is {name!r}: use lower-case letters, digits and underscores")


def _is_lower_identifier(name: str) -> bool:
    # No regular expression: compiling one would cost every start of the program a millisecond.
    return name.isidentifier() and name == name.lower() and not name.startswith("_")


def is_reference(reference: object) -> bool:
    """Tell whether this is the text ``"module:attr"``."""
    if not isinstance(reference, str):
        return False
    module, _, attribute = reference.partition(":")
    return all(step.isidentifier() for path in (module, attribute) for step in path.split("."))


def require_reference(what: str, reference: object) -> None:
    """Refuse what is no ``"module:attr"`` reference.

    Raises:
        ValueError: it is not.
    """
    if not is_reference(reference):
        raise ValueError(f"{what} is {reference!r}: write 'package.module:attribute'")
