"""Make a configuration from what was typed: options over a TOML file over the environment.

A password is never an option, because arguments are visible to every user of the machine.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
from posei_trader.errors import ConfigError

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file with the settings, at top level or under [gateway]."),
]
Instance = Annotated[
    str | None, typer.Option(help="Name of the gateway; the trading mode if absent.")
]
Mode = Annotated[str | None, typer.Option(help="paper, live or both.")]
Engine = Annotated[str | None, typer.Option("--docker-url", help="The engine to use.")]
Image = Annotated[str | None, typer.Option(help="The image to run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="File with the password; '-' reads it from the standard input."),
]


def configuration(
    file: Path | None, password_file: Path | None = None, *, ask: bool = False, **settings: object
) -> DockerizedIBGatewayConfig:
    """Return the configuration; an option that is None was not given.

    Args:
        file: The settings file.
        password_file: The file with the password.
        ask: Ask a person at the terminal for the parts of the login that are missing.
        settings: The other options.

    Raises:
        ConfigError: The file cannot be read, or a setting is wrong.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    if password_file is not None:
        given["password"] = _password(password_file)
    wanted = _from_file(file) | given
    config = DockerizedIBGatewayConfig.from_mapping(wanted)
    missing = config.missing_credentials() if ask and sys.stdin.isatty() else ()
    if missing:
        wanted |= {name: _asked(name) for name in missing}
        config = DockerizedIBGatewayConfig.from_mapping(wanted)
    return config


def _asked(name: str) -> str:
    text = f"IB {name.replace('_', ' ')}"
    return str(typer.prompt(text, hide_input=name.endswith("password"), err=True))


def _from_file(file: Path | None) -> dict[str, object]:
    if file is None:
        return {}
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"the settings cannot be read: {error}",
            field="--config",
            value=str(file),
            remedy="name a TOML file that exists",
        ) from error
    section = found.get("gateway", found)
    if not isinstance(section, dict):
        raise ConfigError("[gateway] must be a table", field="--config", value=str(file))
    return section


def _password(file: Path) -> str:
    try:
        text = sys.stdin.readline() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the password cannot be read: {error}", field="--password-file", value=str(file)
        ) from error
    return text.rstrip("\r\n")
