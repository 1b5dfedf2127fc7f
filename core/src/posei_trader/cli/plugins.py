"""``posei plugins``: list, describe and check what is installed."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING, Annotated

import typer

from posei_trader.cli.exits import NOT_WELL
from posei_trader.cli.listing import list_plugins
from posei_trader.cli.text import table
from posei_trader.errors import InvalidRequest, PluginError
from posei_trader.plugins import default_registry
from posei_trader.plugins.closest import listed

if TYPE_CHECKING:
    from posei_trader.plugins import Provider

app = typer.Typer(
    help="List, describe and check the installed plugins.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_Name = Annotated[str, typer.Argument(help="Name of a provider, as `posei plugins list` shows it.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

_CONFIG_PARTS = ("config", "data_config", "exec_config", "instruments_config")


@app.command("list")
def list_(
    *,
    json: _Json = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what failed to load or is in conflict.")
    ] = False,
) -> None:
    """List every provider; exits with 1 if a plugin failed or a name is in conflict."""
    raise typer.Exit(list_plugins(default_registry(), json=json, failed=failed))


@app.command()
def info(name: _Name, *, json: _Json = False) -> None:
    """Describe a provider: capabilities, parts, settings, where it was loaded from."""
    provider = default_registry().provider(name)
    described = _described(provider)
    typer.echo(jsonlib.dumps(described, indent=2) if json else _info_text(provider))


@app.command()
def check(name: _Name, *, json: _Json = False) -> None:
    """Import every part of a provider and compare it with its protocol; exits with 1 on a fault."""
    from posei_trader.cli.checking import check_provider  # noqa: PLC0415 - imports the protocols

    checks = check_provider(default_registry().provider(name))
    if json:
        rows = [
            {"part": one.part, "reference": one.reference, "problems": list(one.problems)}
            for one in checks
        ]
        typer.echo(jsonlib.dumps({"provider": name, "checks": rows}, indent=2))
    else:
        for one in checks:
            typer.echo(f"{'ok  ' if one.is_well else 'FAIL'}  {one.part}  {one.reference}".rstrip())
            for problem in one.problems:
                typer.echo(f"      {problem}")
    if not all(one.is_well for one in checks):
        raise typer.Exit(NOT_WELL)


@app.command()
def schema(
    name: Annotated[
        str | None,
        typer.Argument(help="Name of a provider; without it, the schema of a node's file."),
    ] = None,
    *,
    part: Annotated[
        str | None, typer.Option("--part", help=f"Only one of: {', '.join(_CONFIG_PARTS)}.")
    ] = None,
    json: _Json = False,
) -> None:
    """Print what can be configured, as a table or as a JSON schema."""
    from posei_trader.cli.settings import config_schema, settings_table  # noqa: PLC0415 - pydantic

    classes = _config_classes(name, part)
    if json:
        schemas = {label: config_schema(kind) for label, kind in classes.items()}
        typer.echo(jsonlib.dumps(schemas, indent=2))
        return
    for label, kind in classes.items():
        typer.echo(f"{label}: {kind.__module__}.{kind.__qualname__}\n")
        typer.echo(settings_table(kind) + "\n")


def _config_classes(name: str | None, part: str | None) -> dict[str, type]:
    from posei_trader.cli.settings import config_class  # noqa: PLC0415 - pydantic
    from posei_trader.config import TradingNodeConfig  # noqa: PLC0415 - pydantic

    if name is None:
        return {"node": TradingNodeConfig}
    provider = default_registry().provider(name)
    present = [one for one in _CONFIG_PARTS if one in provider.spec.parts()]
    wanted = present if part is None else [part]
    if part is not None and part not in present:
        raise InvalidRequest(
            f"provider {name!r} has no such configuration",
            field="--part",
            value=part,
            remedy=f"use one of: {listed(present)}",
        )
    return {one: config_class(provider, one) for one in wanted}


def _described(provider: Provider) -> dict[str, object]:
    spec, origin = provider.spec, provider.origin
    return {
        "name": spec.name,
        "summary": spec.summary,
        "api": spec.api,
        "tier": spec.tier.value,
        "owner": spec.owner,
        "docs": spec.docs,
        "venues": list(spec.venues),
        "distribution": origin.distribution,
        "version": origin.version,
        "plugin": origin.plugin,
        "module": origin.module,
        "location": provider.location,
        "hooks": list(_hooks(provider)),
        "parts": spec.parts(),
        "capabilities": {
            capability.value: {"support": support.level.value, "note": support.note}
            for capability, support in spec.capabilities.items()
        },
        "settings": _settings(provider),
    }


def _hooks(provider: Provider) -> tuple[str, ...]:
    return next(
        plugin.hooks for plugin in default_registry().plugins if plugin.origin == provider.origin
    )


def _settings(provider: Provider) -> dict[str, object]:
    """Return the names of the settings by part; where a class cannot be had, the reason."""
    from posei_trader.cli.settings import config_class, setting_names  # noqa: PLC0415 - pydantic

    found: dict[str, object] = {}
    for part in _CONFIG_PARTS:
        if part in provider.spec.parts():
            try:
                found[part] = setting_names(config_class(provider, part))
            except PluginError as error:
                found[part] = f"unavailable: {error.message}"
    return found


def _info_text(provider: Provider) -> str:
    spec = provider.spec
    facts = [
        ("distribution", f"{provider.origin.distribution} {provider.origin.version}".rstrip()),
        ("loaded from", provider.location or provider.origin.module),
        ("hooks", ", ".join(_hooks(provider))),
        ("plugin API", str(spec.api)),
        ("tier", spec.tier.value),
        ("owner", spec.owner or "-"),
        ("docs", spec.docs or "-"),
        ("venues", ", ".join(spec.venues) or "any"),
    ]
    blocks = [f"{spec.name}: {spec.summary}", *(f"  {key + ':':<14}{text}" for key, text in facts)]
    if spec.parts():
        blocks += ["", table(("PART", "REFERENCE"), list(spec.parts().items()))]
    if spec.capabilities:
        rows = [
            (key.value, value.level.value, value.note) for key, value in spec.capabilities.items()
        ]
        blocks += ["", table(("CAPABILITY", "SUPPORT", "NOTE"), rows)]
    for part, settings in _settings(provider).items():
        names = ", ".join(settings) if isinstance(settings, list) else settings
        blocks += ["", f"{part} settings: {names}"]
    return "\n".join(blocks)
