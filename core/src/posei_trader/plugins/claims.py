"""Decide who may serve a name: one claimant does, several do not until one is pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, final

from posei_trader.errors import ProviderConflict, ProviderNotInstalled
from posei_trader.plugins.closest import closest, listed
from posei_trader.plugins.known import KNOWN_PROVIDERS, install_command, normalized
from posei_trader.plugins.records import Conflict, Failure, Kind, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Claim", "Claims"]

_Offer = TypeVar("_Offer")


@final
class Claim(NamedTuple, Generic[_Offer]):
    """A plugin's wish to serve something under a name."""

    origin: Origin
    offer: _Offer


@final
class Claims(Generic[_Offer]):
    """All claims of one kind, and the rule that decides between them.

    Args:
        kind: What the names are for.
        pins: Pin keys to the distribution that may serve them.
        failures: Plugins that did not load and might own a name.
        disabled: Plugins that were not loaded because somebody said so.
    """

    def __init__(
        self,
        kind: Kind,
        pins: Mapping[str, str],
        failures: Sequence[Failure] = (),
        disabled: Sequence[Origin] = (),
    ) -> None:
        self.kind = kind
        self.pins = pins
        self.failures = failures
        self.disabled = disabled
        self.by_name: dict[str, list[Claim[_Offer]]] = {}

    def add(self, name: str, origin: Origin, offer: _Offer) -> None:
        """Record a claim."""
        self.by_name.setdefault(name, []).append(Claim(origin, offer))

    def served(self) -> dict[str, Claim[_Offer]]:
        """Return the winning claim of every name that is served, sorted by name."""
        return {
            name: claims[0]
            for name in sorted(self.by_name)
            if len(claims := self._eligible(name)) == 1 and self._dispute(name) is None
        }

    def conflicts(self) -> tuple[Conflict, ...]:
        """Return every name that is claimed but not served."""
        disputes = (self._dispute(name) for name in sorted(self.by_name))
        return tuple(dispute for dispute in disputes if dispute is not None)

    def winner(self, name: str) -> Claim[_Offer]:
        """Return the one claim that serves a name.

        Raises:
            ProviderConflict: several plugins claim it, or another one than the pinned one.
            PluginError: the plugin that probably serves it failed to load.
            ProviderNotInstalled: nobody claims it.
        """
        dispute = self._dispute(name)
        if dispute is not None:
            raise ProviderConflict(
                f"{self.kind} {name!r} is claimed by "
                f"{' and by '.join(map(str, dispute.claimants))}; none of them is served",
                field=self.pin_key(name),
                value=self.pins.get(self.pin_key(name), name),
                remedy=dispute.remedy,
            )
        claims = self._eligible(name)
        if claims:
            return claims[0]
        suspects = self._suspects(name)
        if suspects:
            raise suspects[0].as_error()
        raise self._not_installed(name)

    def pin_key(self, name: str) -> str:
        """Return what a pin for the name is called: ``ib``, but ``symbology.mic``."""
        return name if self.kind is Kind.PROVIDER else f"{self.kind.name.lower()}.{name}"

    def _eligible(self, name: str) -> list[Claim[_Offer]]:
        claims = self.by_name.get(name, [])
        pin = self.pins.get(self.pin_key(name))
        return claims if pin is None else [one for one in claims if one.origin.answers(pin)]

    def _suspects(self, name: str) -> list[Failure]:
        if self.kind is not Kind.PROVIDER:
            return []
        known = KNOWN_PROVIDERS.get(name)
        owner = known.distribution if known else None
        pin = self.pins.get(name)
        return [
            failure
            for failure in self.failures
            if failure.may_own(name, owner) and (pin is None or failure.origin.answers(pin))
        ]

    def _dispute(self, name: str) -> Conflict | None:
        everybody = [claim.origin for claim in self.by_name.get(name, [])]
        if not everybody:
            return None
        pin = self.pins.get(self.pin_key(name))
        rivals = [claim.origin for claim in self._eligible(name)]
        rivals += [failure.origin for failure in self._suspects(name)]
        if pin is not None and not rivals:
            remedy = f"install {pin.partition(':')[0]}, or correct the pin of {name!r}"
            return Conflict(self.kind, name, tuple(everybody), remedy)
        if len(rivals) > 1 or (pin is None and self._is_usurped(name, rivals)):
            return Conflict(self.kind, name, tuple(rivals), self._pin_remedy(name, rivals))
        return None

    def _is_usurped(self, name: str, rivals: Sequence[Origin]) -> bool:
        """Tell whether a first-party name is claimed by another distribution than its own."""
        known = KNOWN_PROVIDERS.get(name) if self.kind is Kind.PROVIDER else None
        return known is not None and any(
            not rival.is_in_process
            and normalized(rival.distribution) != normalized(known.distribution)
            for rival in rivals
        )

    def _pin_remedy(self, name: str, rivals: Sequence[Origin]) -> str:
        key = self.pin_key(name)
        distributions = sorted({normalized(rival.distribution) for rival in rivals})
        if len(distributions) < len(rivals):
            distributions = sorted(f"{rival.distribution}:{rival.plugin}" for rival in rivals)
        choices = " or ".join(f'{key} = "{distribution}"' for distribution in distributions)
        return f"pin one under [plugin_pins]: {choices} (or set POSEI_PIN)"

    def _not_installed(self, name: str) -> ProviderNotInstalled:
        disabled = [origin for origin in self.disabled if origin.plugin == name]
        if disabled:
            return ProviderNotInstalled(
                f"{self.kind} {name!r} is installed ({disabled[0]}) but disabled",
                field=self.kind,
                value=name,
                remedy="correct POSEI_PLUGINS or the blocked list",
            )
        command = install_command(name) if self.kind is Kind.PROVIDER else None
        match = closest(name, [*self.by_name, *self._installable()])
        if command is None and match is not None:
            remedy = f"did you mean {match!r}?"
        else:
            remedy = command or f"installed are: {listed(sorted(self.by_name))}"
        if self.failures and command is None:
            remedy += "; some plugins failed to load, see `posei plugins list --failed`"
        return ProviderNotInstalled(
            f"{self.kind} {name!r} is not installed", field=self.kind, value=name, remedy=remedy
        )

    def _installable(self) -> list[str]:
        return list(KNOWN_PROVIDERS) if self.kind is Kind.PROVIDER else []
