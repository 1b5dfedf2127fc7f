"""List the installed plugins, importing nothing but their light descriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.cli.exits import NOT_WELL, OK
from posei_trader.cli.text import indented, table

if TYPE_CHECKING:
    from posei_trader.plugins import Conflict, Failure, Origin, Provider, Registry

__all__ = ["as_data", "list_plugins"]


def list_plugins(registry: Registry, *, json: bool = False, failed: bool = False) -> int:
    """Print what is installed and what failed; return `NOT_WELL` if anything did."""
    if json:
        from json import dumps  # noqa: PLC0415 - only for scripts

        print(dumps(as_data(registry, failed=failed), indent=2))
    else:
        print("\n".join(_blocks(registry, failed=failed)))
    return NOT_WELL if registry.failures or registry.conflicts else OK


def as_data(registry: Registry, *, failed: bool = False) -> dict[str, object]:
    """Return the listing as plain data; with ``failed``, only what does not work."""
    trouble: dict[str, object] = {
        "failures": [_failure(failure) for failure in registry.failures],
        "conflicts": [_conflict(conflict) for conflict in registry.conflicts],
    }
    if failed:
        return trouble
    return {
        "providers": [_provider(provider) for provider in registry.providers],
        "symbologies": list(registry.symbologies),
        "config_sources": list(registry.sources),
        "commands": [command.name for command in registry.commands],
        "disabled": [_origin(origin) for origin in registry.disabled],
        **trouble,
    }


def _origin(origin: Origin) -> dict[str, object]:
    return {
        "plugin": origin.plugin,
        "distribution": origin.distribution,
        "version": origin.version,
        "module": origin.module,
    }


def _provider(provider: Provider) -> dict[str, object]:
    spec = provider.spec
    return {
        "name": spec.name,
        "summary": spec.summary,
        "api": spec.api,
        "tier": spec.tier.value,
        "parts": spec.parts(),
        "venues": list(spec.venues),
        "origin": _origin(provider.origin),
    }


def _failure(failure: Failure) -> dict[str, object]:
    return {
        "origin": _origin(failure.origin),
        "stage": failure.stage.name.lower(),
        "error": f"{type(failure.error).__name__}: {failure.error}",
        "claims": list(failure.claims),
        "remedy": failure.as_error().remedy,
    }


def _conflict(conflict: Conflict) -> dict[str, object]:
    return {
        "kind": conflict.kind.value,
        "name": conflict.name,
        "claimants": [_origin(origin) for origin in conflict.claimants],
        "remedy": conflict.remedy,
    }


def _blocks(registry: Registry, *, failed: bool) -> list[str]:
    blocks = [] if failed else [_served(registry)]
    if not failed and registry.disabled:
        blocks.append("\ndisabled: " + ", ".join(map(str, registry.disabled)))
    for conflict in registry.conflicts:
        claimants = " and by ".join(map(str, conflict.claimants))
        blocks.append(
            f"\nconflict: {conflict.kind} {conflict.name!r} is claimed by {claimants}; "
            f"none of them is served\n  remedy: {conflict.remedy}"
        )
    blocks.extend(f"\nfailed: {_told(failure)}" for failure in registry.failures)
    if failed and not blocks:
        blocks.append("no plugin failed, no name is in conflict")
    return [block.removeprefix("\n") if index == 0 else block for index, block in enumerate(blocks)]


def _told(failure: Failure) -> str:
    first, *rest = str(failure.as_error()).splitlines()
    return "\n".join([first, *rest])


def _served(registry: Registry) -> str:
    if not registry.providers:
        return "no provider is installed\n" + indented(
            "remedy: pip install 'posei_trader[ib]', or see `posei plugins --help`"
        )
    rows = [
        (
            provider.spec.name,
            f"{provider.origin.distribution} {provider.origin.version}".rstrip(),
            provider.spec.tier.value,
            provider.spec.summary,
        )
        for provider in registry.providers
    ]
    return table(("PROVIDER", "DISTRIBUTION", "TIER", "SUMMARY"), rows)
