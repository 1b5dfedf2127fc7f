"""The command group ``posei ib``: ask a running TWS or IB Gateway."""

from __future__ import annotations

import typer

from posei_trader.adapters.interactive_brokers.cli.contracts import chain, contract
from posei_trader.adapters.interactive_brokers.cli.download import download

__all__ = ["app"]

app = typer.Typer(
    help="Ask a running TWS or IB Gateway for contracts, chains and history.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(contract)
app.command()(chain)
app.command()(download)
