"""``posei status``: how the nodes on this machine are, by what they last wrote."""

from __future__ import annotations

import datetime as dt
import json as jsonlib
from pathlib import Path  # noqa: TC003 - typer reads the annotation when it runs
from typing import TYPE_CHECKING, Annotated, Final

import typer

from posei_trader.cli.exits import NOT_WELL
from posei_trader.cli.text import indented, table
from posei_trader.errors import ConfigError

if TYPE_CHECKING:
    from posei_trader.live.health_file import Seen
    from posei_trader.model.health import ClientHealth, ConnectionHealth

app = typer.Typer(
    help="Show how the running nodes are.", add_completion=False, rich_markup_mode=None
)

_SECOND: Final = 1_000_000_000
_STEPS: Final = 5


@app.command()
def status(
    trader_id: Annotated[
        str | None, typer.Argument(help="The node; all nodes of this user when left out.")
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option(help="A node's health file, where it is not the usual one.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show connections, streams, limits, requests and orders of nodes.

    A node tells how it is when its configuration has a [health] section. Exit code 1 says that a
    node is not well: it has an alarm, has stopped, has died, or has fallen silent.
    """
    from posei_trader.live.health_file import read_health  # noqa: PLC0415 - --help needs none of it

    seen = read_health(_files(trader_id, file))
    if json:
        typer.echo(jsonlib.dumps({"nodes": [_document(one) for one in seen]}, indent=2))
    else:
        typer.echo("\n\n".join(_text(one) for one in seen))
    if any(one.problems for one in seen):
        raise typer.Exit(NOT_WELL)


def _files(trader_id: str | None, file: Path | None) -> list[Path]:
    from posei_trader.live.health_file import SUFFIX  # noqa: PLC0415 - --help needs none of it
    from posei_trader.state_directory import state_directory  # noqa: PLC0415 - same

    if file is not None:
        return [file]
    directory = state_directory()
    if trader_id is not None:
        return [directory / f"{trader_id}{SUFFIX}"]
    found = sorted(directory.glob(f"*{SUFFIX}"))
    if not found:
        raise ConfigError(
            "no node has told how it is",
            field="directory",
            value=str(directory),
            remedy="add a [health] section to the node's configuration, or name its --file",
        )
    return found


def _document(seen: Seen) -> object:
    import msgspec  # noqa: PLC0415 - --help needs none of it

    document = msgspec.to_builtins(seen.health)
    return {
        "is_well": not seen.problems,
        "problems": list(seen.problems),
        "age_s": round(seen.age_s, 3),
        **document,
    }


def _text(seen: Seen) -> str:
    health = seen.health
    head = (
        f"{health.trader_id}: {health.state} for {_span(health.ts_ns - health.started_ns)} "
        f"(process {health.pid}), told {seen.age_s:.0f} s ago"
    )
    lines = [head, *(f"  ! {problem}" for problem in seen.problems)]
    versions = ", ".join(f"{name} {number}" for name, number in health.versions.items())
    lines.append(f"  versions: {versions}")
    lines.append(
        f"  orders: {health.orders_open} working, {len(health.orders_in_flight)} in flight; "
        f"positions: {health.positions_open}"
    )
    lines += [
        f"    {order.client_order_id} {order.instrument_id} {order.status} "
        f"for {_span(health.ts_ns - order.since_ns)}"
        for order in health.orders_in_flight
    ]
    lines += [f"  {_client(client)}" for client in health.clients]
    lines += [indented(_connection(one, health.ts_ns)) for one in health.connections]
    counts = [
        f"{component} {name.replace('_', ' ')}: {count}"
        for component, numbers in health.counters.items()
        for name, count in numbers.items()
        if count
    ]
    if counts:
        lines += ["  counted:", *(f"    {count}" for count in counts)]
    return "\n".join(lines)


def _client(client: ClientHealth) -> str:
    words = ["connected" if client.is_connected else "NOT CONNECTED"]
    if client.may_trade is not None:
        words.append("may trade" if client.may_trade else "may not trade")
    if client.connection is not None:
        words.append(f"over {client.connection}")
    words += [f"in doubt: {name}" for name in client.doubts]
    words += [f"{name}: {count}" for name, count in client.counters.items()]
    return f"{client.kind} client {client.client_id}: {', '.join(words)}"


def _connection(one: ConnectionHealth, now_ns: int) -> str:
    since = f" for {_span(now_ns - one.history[-1].ts_ns)}" if one.history else ""
    facts = [
        f"reconnects {one.reconnects}",
        *(f"{name} {number}" for name, number in one.versions.items()),
        f"event loop lag {one.loop_lag_s * 1000:.1f} ms (at most {one.loop_lag_max_s * 1000:.1f})",
    ]
    if one.round_trip_s is not None:
        facts.insert(1, f"round trip {one.round_trip_s * 1000:.1f} ms")
    if one.is_maintenance:
        facts.append("maintenance window")
    lines = [f"connection {one.name}: {one.state}{since}", f"  {', '.join(facts)}"]
    if one.impaired:
        lines.append(f"  out of reach: {', '.join(one.impaired)}")
    lines += [
        f"  {name}: {usage.used:g}" + ("" if usage.limit is None else f" of {usage.limit:g}")
        for name, usage in one.limits.items()
    ]
    lines += [f"  waiting {name}: {count}" for name, count in one.waiting.items() if count]
    lines += [f"  asking for {subject}" for subject in one.requests]
    if one.streams:
        rows = [
            (s.subject, s.state, str(s.received), _ago(now_ns, s.last_seen_ns), str(s.reissues))
            for s in one.streams
        ]
        header = ("stream", "state", "messages", "last seen", "asked anew")
        lines.append(indented(table(header, rows)))
    lines += [
        f"  {_moment(step.ts_ns)} {step.state}: {step.reason}" for step in one.history[-_STEPS:]
    ]
    counted = [f"{name.replace('_', ' ')} {n}" for name, n in one.counters.items() if n]
    if counted:
        lines.append(f"  counted: {', '.join(counted)}")
    return "\n".join(lines)


def _moment(ts_ns: int) -> str:
    return dt.datetime.fromtimestamp(ts_ns // _SECOND, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _ago(now_ns: int, ts_ns: int) -> str:
    return "never" if not ts_ns else f"{_span(now_ns - ts_ns)} ago"


def _span(nanos: int) -> str:
    seconds = max(0, nanos) // _SECOND
    return f"{seconds} s" if seconds < 120 else str(dt.timedelta(seconds=seconds))
