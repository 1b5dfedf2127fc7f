"""``posei halt`` and ``posei resume``: the kill switch."""

from __future__ import annotations

import json as jsonlib
import time
from typing import TYPE_CHECKING, Annotated

import typer

from posei_trader.cli.exits import NOT_WELL
from posei_trader.errors import InvalidRequest
from posei_trader.model.enums import TradingState
from posei_trader.state_directory import state_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.engine.halting import HaltAnswer, HaltSwitch

__all__ = ["app", "resume_app"]

app = typer.Typer(
    help="Stop trading at once: no order leaves a node that is halted.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
)
resume_app = typer.Typer(
    help="Lift a halt.", no_args_is_help=False, add_completion=False, rich_markup_mode=None
)

_Name = Annotated[
    str | None, typer.Argument(metavar="[TRADER_ID]", help="The node, such as TRADER-001.")
]
_All = Annotated[bool, typer.Option("--all", help="Every node of this user on this machine.")]
_Wait = Annotated[float, typer.Option(min=0.0, help="Seconds to wait for the nodes' answers.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def halt(
    trader_id: _Name = None,
    *,
    every: _All = False,
    reduce: Annotated[
        bool, typer.Option("--reduce", help="Still let through what only reduces positions.")
    ] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel every working order as well.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; the node logs it.")] = "posei halt",
    wait: _Wait = 3.0,
    json: _Json = False,
) -> None:
    """Stop trading: when this returns, no order leaves the node any more.

    A node that is started later is halted as well, until `posei resume`. Exits with 1 when no
    running node answered. Positions are left as they are.
    """
    from posei_trader.engine.halting import Halt  # noqa: PLC0415 - --help needs none of it

    switch = _switch(trader_id, every=every)
    demanded = Halt(
        state=TradingState.REDUCING if reduce else TradingState.HALTED,
        reason=reason,
        is_cancel=cancel,
        ts_init=time.time_ns(),
    )
    switch.demand(demanded)
    answers = _awaited(switch, lambda one: one.ts_halt == demanded.ts_init, wait)
    _tell(trader_id, demanded.state, answers, json=json)


@resume_app.command()
def resume(
    trader_id: _Name = None, *, every: _All = False, wait: _Wait = 3.0, json: _Json = False
) -> None:
    """Lift a halt. One for every node is lifted with --all, one for a node by its name."""
    switch = _switch(trader_id, every=every)
    lifted = switch.lift()
    still = switch.read()
    if still is not None:
        raise InvalidRequest(
            f"every node is still {still.state}: {still.reason}",
            field="--all",
            value=False,
            remedy="posei resume --all",
        )
    if not lifted:
        typer.echo("nothing was halted by that name", err=True)
        raise typer.Exit(NOT_WELL)
    answers = _awaited(switch, lambda one: one.ts_halt == 0, wait)
    _tell(trader_id, TradingState.ACTIVE, answers, json=json)


def _switch(trader_id: str | None, *, every: bool) -> HaltSwitch:
    from posei_trader.engine.halting import HaltSwitch  # noqa: PLC0415 - --help needs none of it
    from posei_trader.model.identifiers import TraderId  # noqa: PLC0415 - same

    if (trader_id is None) is not every:
        raise InvalidRequest(
            "say which node",
            field="TRADER_ID",
            value=trader_id,
            remedy="give the trader_id of its configuration, or --all and no name",
        )
    return HaltSwitch(state_directory(), None if trader_id is None else TraderId(trader_id))


def _awaited(
    switch: HaltSwitch, is_answer: Callable[[HaltAnswer], bool], seconds: float
) -> list[HaltAnswer]:
    """Return who answered; waits for at least one, and for the rest no longer than a moment."""
    deadline = time.monotonic() + seconds
    while True:
        answers = [one for one in switch.answers() if is_answer(one)]
        silent = len(switch.answers()) - len(answers)
        if (answers and not silent) or time.monotonic() >= deadline:
            return answers
        time.sleep(0.05)


def _tell(
    trader_id: str | None, state: TradingState, answers: list[HaltAnswer], *, json: bool
) -> None:
    if json:
        nodes = [
            {"trader_id": one.trader_id, "state": one.state, "canceled": one.canceled}
            for one in answers
        ]
        typer.echo(jsonlib.dumps({"state": state, "nodes": nodes}, indent=2))
    else:
        for one in answers:
            canceled = f", {one.canceled} orders are being canceled" if one.canceled else ""
            typer.echo(f"{one.trader_id} is {one.state}{canceled}")
        if not answers:
            who = "no running node" if trader_id is None else f"no running node {trader_id}"
            then = "trades" if state is TradingState.ACTIVE else f"will be {state}"
            typer.echo(f"{who} answered; one that is started {then}", err=True)
        elif state is not TradingState.ACTIVE:
            again = "--all" if trader_id is None else trader_id
            typer.echo(f"trade again with: posei resume {again}")
    if not answers:
        raise typer.Exit(NOT_WELL)
