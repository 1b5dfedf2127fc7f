"""A node in a process of its own, which somebody else kills."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, NamedTuple

from chaos_kit.node import INSTRUMENTS, Node
from posei_trader.engine.clock import LiveClock
from posei_trader.model.enums import OrderSide
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.values import Price, Quantity

if TYPE_CHECKING:
    from pathlib import Path

_PRICES = {"AAPL.NASDAQ": (100, 300, 2), "EUR/USD.IDEALPRO": (1, 2, 4)}
_IN_FLIGHT_AT_MOST = 4


class Address(NamedTuple):
    """Where the gateway listens."""

    host: str
    port: int


def live(address: Address, store: Path, seed: int, orders: int) -> None:
    """Trade until the store knows so many orders, then cancel what works, and end."""
    logging.disable(logging.CRITICAL)  # whoever kills it says what went wrong
    asyncio.run(_live(address, store, random.Random(seed), orders))


async def _live(address: Address, store: Path, dice: random.Random, orders: int) -> None:
    node = Node(address, store, LiveClock())
    await node.live()
    while len(node.cache.orders()) < orders:
        _move(node, dice)
        await _until(lambda: len(node.cache.orders_in_flight()) < _IN_FLIGHT_AT_MOST)
    await _until(lambda: not node.cache.orders_in_flight())
    for order in node.cache.orders_open():
        node.commands.cancel_order(order)
    await _until(lambda: all(order.is_closed for order in node.cache.orders()))
    await node.stop()


def _move(node: Node, dice: random.Random) -> None:
    name = InstrumentId(dice.choice(INSTRUMENTS))
    side = dice.choice(list(OrderSide))
    size = Quantity(dice.randrange(1, 9) * (100 if name == "AAPL.NASDAQ" else 25_000))
    low, high, digits = _PRICES[name]
    away = Price(low if side is OrderSide.BUY else high, digits)
    beyond = Price(high if side is OrderSide.BUY else low, digits)
    working = node.cache.orders_open()
    match dice.choice(["market", "market", "limit", "limit", "bracket", "cancel", "modify"]):
        case "market":
            node.commands.submit_order(node.factory.market(name, side, size))
        case "limit":
            node.commands.submit_order(node.factory.limit(name, side, size, away))
        case "bracket":
            node.commands.submit_order_list(
                node.factory.bracket(
                    name, side, size, sl_trigger_price=away, tp_price=beyond, entry_price=away
                )
            )
        case "cancel" if working:
            node.commands.cancel_order(dice.choice(working))
        case "modify" if working:
            node.commands.modify_order(dice.choice(working), quantity=size)


async def _until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  several parts make it come true
            await asyncio.sleep(0.001)
