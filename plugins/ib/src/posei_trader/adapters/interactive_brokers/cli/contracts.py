"""``posei ib contract`` and ``posei ib chain``: what IB has, and what it is called here."""

# typer reads the annotations of commands at run time: no postponed evaluation.

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, TypeVar

import msgspec
import typer

from posei_trader.adapters.interactive_brokers.cli.listing import chain_summary, match_block
from posei_trader.adapters.interactive_brokers.cli.searching import find_matches
from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.instruments import contract_of
from posei_trader.adapters.interactive_brokers.instruments.resolver import distinct
from posei_trader.adapters.interactive_brokers.instruments.sessions import today_in
from posei_trader.adapters.interactive_brokers.providers import (
    InteractiveBrokersInstrumentProvider,
)
from posei_trader.config import LoggingConfig
from posei_trader.errors import InstrumentNotFound
from posei_trader.logs import configure_logging
from posei_trader.model.instruments import OptionContract

__all__ = ["chain", "contract", "stream_chain"]

T = TypeVar("T")

# Away from the ids that people give their strategies.
_CLIENT_ID: Final = 9751
_SHOWN: Final = 5
_UNDERLYINGS: Final = ("IND", "STK", "CONTFUT")

Host = Annotated[str, typer.Option(help="Where TWS or IB Gateway runs.")]
Port = Annotated[
    int, typer.Option(help="TWS 7497 (paper) or 7496 (live), Gateway 4002 (paper) or 4001 (live).")
]
ClientId = Annotated[int, typer.Option(help="The API client id to use.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log to standard error.")]


def contract(
    text: Annotated[str, typer.Argument(help="A symbol, a name, an instrument id, or a conId.")],
    *,
    host: Host = "127.0.0.1",
    port: Port = 7497,
    client_id: ClientId = _CLIENT_ID,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Search contracts: ids in both symbologies and with MIC, and the IBContract to paste."""
    matches = _run(host, port, client_id, verbose, lambda client: find_matches(client, text))
    if as_json:
        print(json.dumps([match.as_data() for match in matches], indent=2))
    else:
        print("\n\n".join(match_block(match) for match in matches))


def chain(
    symbol: Annotated[str, typer.Argument(help="IB's symbol of the underlying, such as SPX.")],
    *,
    min_days: Annotated[int, typer.Option(help="First expiry, in days from today.")] = 0,
    max_days: Annotated[int, typer.Option(help="Last expiry, in days from today.")] = 30,
    sec_type: Annotated[
        str, typer.Option(help="IND, STK or CONTFUT; the first that exists if not given.")
    ] = "",
    exchange: Annotated[str, typer.Option(help="The exchange of the underlying.")] = "",
    right: Annotated[str, typer.Option(help="C or P; both if not given.")] = "",
    min_strike: Annotated[float | None, typer.Option(help="Lowest strike.")] = None,
    max_strike: Annotated[float | None, typer.Option(help="Highest strike.")] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Print every id, as it comes.")] = False,
    host: Host = "127.0.0.1",
    port: Port = 7497,
    client_id: ClientId = _CLIENT_ID,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """List an underlying's options by class and expiry."""
    wanted = IBContract(
        secType=sec_type,
        symbol=symbol,
        exchange=exchange,
        right=right,
        build_options_chain=True,
        min_expiry_days=min_days,
        max_expiry_days=max_days,
        min_strike=min_strike,
        max_strike=max_strike,
    )

    async def collect(client: InteractiveBrokersClient) -> list[OptionContract]:
        options = []
        async for option in stream_chain(client, wanted):
            options.append(option)
            if ids and not as_json:
                print(option.id)
            elif sys.stderr.isatty():
                print(f"\r{len(options):,} options", end="", file=sys.stderr)
        return options

    options = _run(host, port, client_id, verbose, collect)
    if sys.stderr.isatty() and not ids:
        print(file=sys.stderr)
    if as_json:
        print(json.dumps([str(option.id) for option in options], indent=2))
    elif not ids:
        print(chain_summary(options))


async def stream_chain(
    client: InteractiveBrokersClient, wanted: IBContract
) -> AsyncIterator[OptionContract]:
    """Yield the options of a chain as IB answers; the underlying's type may be left out.

    Raises:
        InstrumentNotFound: there is no such underlying, or it has no such options.
        RetryLater: IB did not answer.
    """
    config = InteractiveBrokersInstrumentProviderConfig()
    provider = InteractiveBrokersInstrumentProvider(client, config)
    underlying = await _underlying(client, wanted)
    count = 0
    async for instrument in provider.stream(underlying):
        if isinstance(instrument, OptionContract):
            count += 1
            yield instrument
    if not count:
        raise await _nothing_fits(client, provider, wanted)


async def _nothing_fits(
    client: InteractiveBrokersClient,
    provider: InteractiveBrokersInstrumentProvider,
    wanted: IBContract,
) -> InstrumentNotFound:
    """Return an error that tells which expiries there are."""
    expiries: set[str] = set()
    for instrument in provider.list_all()[:1]:
        base = contract_of(instrument)
        at = ""
        if base.secType == "CONTFUT":
            base, at = msgspec.structs.replace(base, secType="FUT"), base.exchange
        for row in await client.get_option_chains(base, exchange=at):
            expiries.update(row.expirations)
    today = f"{today_in('UTC', time.time_ns()):%Y%m%d}"
    first = ", ".join(sorted(expiry for expiry in expiries if expiry >= today)[:_SHOWN])
    return InstrumentNotFound(
        "no options fit the days, strikes and right that are asked for",
        field="min_days, max_days",
        value=(wanted.min_expiry_days, wanted.max_expiry_days),
        remedy=f"the first expiries are {first}; raise --max-days or widen the strikes"
        if first
        else f"IB lists no options on {wanted.symbol}",
    )


async def _underlying(client: InteractiveBrokersClient, wanted: IBContract) -> IBContract:
    if wanted.secType:
        return wanted
    for kind in _UNDERLYINGS:
        exchange = wanted.exchange or ("SMART" if kind == "STK" else "")
        asked = msgspec.structs.replace(wanted, secType=kind, exchange=exchange)
        bare = msgspec.structs.replace(asked.bare(), right="")
        try:
            rows = distinct(await client.get_contract_details(bare))
        except InstrumentNotFound:
            continue
        found = rows[0].contract
        # What people mean by a bare symbol is listed in New York.
        found = next((row.contract for row in rows if row.contract.currency == "USD"), found)
        return msgspec.structs.replace(
            asked, conId=found.conId, exchange=found.exchange, currency=found.currency
        )
    raise InstrumentNotFound(
        "no index, stock or future of that symbol",
        field="symbol",
        value=wanted.symbol,
        remedy=f"look it up with `posei ib contract {wanted.symbol}`",
    )


@asynccontextmanager
async def _connected(host: str, port: int, client_id: int) -> AsyncIterator[Any]:
    client = InteractiveBrokersClient(
        host=host, port=port, client_id=client_id, connection_timeout=15, max_connection_attempts=1
    )
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()


def _logging(verbose: bool) -> LoggingConfig:
    if verbose:
        return LoggingConfig(log_level="INFO")
    # A connection that fails is the command's own error: once is enough.
    quiet = {"InteractiveBrokersClient": "ERROR"}
    return LoggingConfig.model_validate({"log_level": "WARNING", "log_component_levels": quiet})


def _run(
    host: str,
    port: int,
    client_id: int,
    verbose: bool,
    ask: Callable[[InteractiveBrokersClient], Awaitable[T]],
) -> T:
    async def connected() -> T:
        async with _connected(host, port, client_id) as client:
            return await ask(client)

    with configure_logging(_logging(verbose)):
        return asyncio.run(connected())
