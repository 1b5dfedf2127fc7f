"""The commands of `posei gateway`.

Exit codes are those of `posei_trader.cli.exits`, and from 19 on one for each cause of a failure of
the gateway (see `errors`); `posei gateway --help` lists them. With ``--json`` a failure is a JSON
object on standard output as well: ``{"error": {"cause": ...}}``.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from posei_trader.adapters.ib_docker.cli.doctor import Finding, examine
from posei_trader.adapters.ib_docker.cli.options import (
    AsJson,
    ConfigFile,
    Engine,
    Image,
    Instance,
    Mode,
    PasswordFile,
    configuration,
)
from posei_trader.adapters.ib_docker.cli.output import (
    Narrator,
    answer,
    answering,
    ending_like_ctrl_c,
)
from posei_trader.adapters.ib_docker.cli.status_text import status_text
from posei_trader.adapters.ib_docker.engine.docker_engine import DockerEngine
from posei_trader.adapters.ib_docker.errors import CAUSES, NotStarted
from posei_trader.adapters.ib_docker.gateway import DockerizedIBGateway
from posei_trader.adapters.ib_docker.launcher import Launcher
from posei_trader.adapters.ib_docker.local_state import LocalState
from posei_trader.adapters.ib_docker.log_pump import follow
from posei_trader.adapters.ib_docker.plan import own_labels
from posei_trader.adapters.ib_docker.redaction import Redactor
from posei_trader.adapters.ib_docker.replay import whole_lines

if TYPE_CHECKING:
    from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
    from posei_trader.adapters.ib_docker.status import GatewayStatus

_CODES: Final = "\n".join(
    f"  {kind.exit_code:<3} {kind.cause}"
    for kind in sorted(CAUSES.values(), key=lambda kind: kind.exit_code)
)
_HELP: Final = f"""Run, watch and stop the dockerized IB Gateway.

The password comes from TWS_PASSWORD, --password-file or a prompt, never from an argument. All
settings can stand in a TOML file (--config).

\b
Exit codes:
  0   done
  1   not ready (status), or a fault was found (doctor)
  2   a wrong option or setting
  130 interrupted; what was being started is taken down
and one for each cause of a failure:
{_CODES}
"""

app = typer.Typer(
    name="gateway",
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command()
def up(
    *,
    config: ConfigFile = None,
    instance: Instance = None,
    mode: Mode = None,
    image: Image = None,
    username: Annotated[str | None, typer.Option(help="Instead of TWS_USERNAME.")] = None,
    password_file: PasswordFile = None,
    port: Annotated[int | None, typer.Option(help="Port on this host; 0 takes any.")] = None,
    read_only: Annotated[
        bool | None, typer.Option("--read-only/--trading", help="Refuse orders, or take them.")
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds to become ready.")] = None,
    vnc_port: Annotated[
        int | None, typer.Option(help="Port for a VNC viewer; its password is printed.")
    ] = None,
    on_mismatch: Annotated[
        str | None,
        typer.Option(help="Other settings run already: error, recreate or adopt.  [error]"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Try refused credentials again.")] = False,
    docker_url: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Start the gateway, or adopt the running one, and return when it serves."""
    with answering(as_json=as_json):
        settings = configuration(
            config,
            password_file,
            ask=True,
            instance=instance,
            trading_mode=mode,
            container_image=image,
            username=username,
            api_port=port,
            read_only_api=read_only,
            timeout=timeout,
            vnc_port=vnc_port,
            on_mismatch=on_mismatch,
            docker_url=docker_url,
        )
        narrator = Narrator()
        gateway = DockerizedIBGateway(settings, listener=narrator)
        try:
            with ending_like_ctrl_c():
                gateway.start(force=force)
        finally:
            narrator.close()
        if gateway.is_adopted:
            narrator.say("it was running already: adopted")
        _show(gateway.status(), as_json=as_json, vnc_password=gateway.vnc_password)


@app.command()
def down(
    *,
    config: ConfigFile = None,
    instance: Instance = None,
    mode: Mode = None,
    docker_url: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Stop and remove the gateway, whoever started it."""
    with answering(as_json=as_json):
        settings = configuration(
            config, instance=instance, trading_mode=mode, docker_url=docker_url
        )
        with DockerEngine(settings.docker_url) as engine:
            existed = _launcher(settings, engine).take_down()
        name = settings.instance_name
        text = f"{name}: stopped and removed" if existed else f"{name}: nothing was running"
        answer({"instance": name, "stopped": existed}, as_json=as_json, text=text)


@app.command()
def status(
    *,
    config: ConfigFile = None,
    instance: Instance = None,
    mode: Mode = None,
    docker_url: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Show where the gateway stands; exits with 1 unless it serves."""
    with answering(as_json=as_json):
        settings = configuration(
            config, instance=instance, trading_mode=mode, docker_url=docker_url
        )
        found = DockerizedIBGateway(settings).status()
        _show(found, as_json=as_json)
    if not found.is_ready:
        raise typer.Exit(1)


@app.command()
def logs(
    *,
    config: ConfigFile = None,
    instance: Instance = None,
    mode: Mode = None,
    tail: Annotated[int | None, typer.Option(min=0, help="Only the last lines.")] = None,
    follow_it: Annotated[
        bool, typer.Option("--follow", help="Go on until the gateway ends or you interrupt.")
    ] = False,
    docker_url: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Print the gateway's log without secrets and account numbers."""
    with answering(as_json=as_json):
        settings = configuration(
            config, instance=instance, trading_mode=mode, docker_url=docker_url
        )
        redact = Redactor(settings.secret_values())
        with DockerEngine(settings.docker_url) as engine:
            found = engine.find(own_labels(settings))
            if not found:
                raise NotStarted(f"there is no gateway {settings.instance_name!r}")
            if follow_it:
                asyncio.run(_follow(engine, found[0].id, redact, as_json=as_json))
                return
            for line in whole_lines(engine.logs(found[0].id, tail=tail)):
                _print_line(redact(line.text), line.stamp, as_json=as_json)


@app.command()
def restart(
    *,
    config: ConfigFile = None,
    instance: Instance = None,
    mode: Mode = None,
    image: Image = None,
    password_file: PasswordFile = None,
    docker_url: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Replace the running gateway by a new one that logs in from scratch.

    When none runs one is started. A live login asks for its second factor.
    """
    with answering(as_json=as_json):
        settings = configuration(
            config,
            password_file,
            ask=True,
            instance=instance,
            trading_mode=mode,
            container_image=image,
            docker_url=docker_url,
        )
        narrator = Narrator()
        gateway = DockerizedIBGateway(settings, listener=narrator)
        try:
            with ending_like_ctrl_c():
                asyncio.run(gateway.renew_async())
        finally:
            narrator.close()
        _show(gateway.status(), as_json=as_json)


@app.command()
def doctor(
    *,
    config: ConfigFile = None,
    instance: Instance = None,
    mode: Mode = None,
    image: Image = None,
    port: Annotated[int | None, typer.Option(help="Port on this host.")] = None,
    docker_url: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Look for everything that could keep the gateway from starting; exits with 1 for a fault."""
    with answering(as_json=as_json):
        settings = configuration(
            config,
            instance=instance,
            trading_mode=mode,
            container_image=image,
            api_port=port,
            docker_url=docker_url,
        )
        with DockerEngine(settings.docker_url) as engine:
            findings = examine(settings, engine)
        answer({"findings": findings}, as_json=as_json, text="\n".join(map(_finding, findings)))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def pull(
    *,
    config: ConfigFile = None,
    image: Image = None,
    docker_url: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the image."""
    with answering(as_json=as_json):
        settings = configuration(config, container_image=image, docker_url=docker_url)
        narrator = Narrator()
        with DockerEngine(settings.docker_url) as engine:
            try:
                _launcher(settings, engine, narrator).pull()
            finally:
                narrator.close()
            found = engine.image(settings.container_image)
        digest = (found.digests or (found.id,))[0] if found else None
        answer(
            {"image": settings.container_image, "digest": digest},
            as_json=as_json,
            text=f"{settings.container_image}: {digest}",
        )


def _launcher(
    settings: DockerizedIBGatewayConfig, engine: DockerEngine, narrator: Narrator | None = None
) -> Launcher:
    return Launcher(settings, engine, LocalState(settings.state_dir), narrator or Narrator())


async def _follow(
    engine: DockerEngine, container_id: str, redact: Redactor, *, as_json: bool
) -> None:
    async with aclosing(follow(engine, container_id, None)) as lines:
        async for line in lines:
            _print_line(redact(line.text), line.stamp, as_json=as_json)
            sys.stdout.flush()


def _print_line(text: str, stamp: str | None, *, as_json: bool) -> None:
    answer({"at": stamp, "line": text}, as_json=as_json, text=text)


def _finding(finding: Finding) -> str:
    remedy = f"\n        remedy: {finding.remedy}" if finding.remedy else ""
    return f"{'ok' if finding.ok else 'FAULT':<7} {finding.check}: {finding.detail}{remedy}"


def _show(found: GatewayStatus, *, as_json: bool, vnc_password: str | None = None) -> None:
    if vnc_password:
        print(f"VNC password: {vnc_password}", file=sys.stderr)
    answer(msgspec.to_builtins(found), as_json=as_json, text=status_text(found))
