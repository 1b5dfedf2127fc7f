"""A seeded sequence of orders, changes, cancels and faults."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from typing import TYPE_CHECKING

from chaos_kit.node import CLIENT, INSTRUMENTS, STRATEGY, Node
from posei_ib_sim.wire import Order as WireOrder
from posei_trader.model.enums import OrderSide, TimeInForce
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.values import Price, Quantity

if TYPE_CHECKING:
    from pathlib import Path

    from posei_ib_sim.gateway import SimulatedIBGateway
    from posei_trader.model.orders import Order

_BOARDS = {"AAPL.NASDAQ": "AAPL", "EUR/USD.IDEALPRO": "EUR.USD"}
_TICKS = {"AAPL.NASDAQ": (Decimal("0.01"), 2), "EUR/USD.IDEALPRO": (Decimal("0.00005"), 5)}
_LOTS = {"AAPL.NASDAQ": 100, "EUR/USD.IDEALPRO": 25_000}
_MESSAGES = ("OpenOrder", "OrderStatus", "ExecutionDetails", "CommissionAndFeesReport")

TRADING = {
    "market": 6,
    "limit": 8,
    "stop": 2,
    "bracket": 1,
    "group": 1,
    "cancel": 6,
    "modify": 5,
    "cancel_all": 0.3,
    "by_hand": 0.5,
}
FAULTS = {
    "drop": 0.25,
    "cut_mid_frame": 0.5,
    "cut_after_messages": 0.4,
    "restart": 0.1,
    "kill": 0.3,
    "kill_at_a_write": 0.6,
    "half_open": 0.1,
    "stall": 0.4,
    "upstream": 0.15,
    "refuse_id": 0.05,
    "repeat_executions": 0.4,
    "repeat": 0.8,
    "swap": 0.8,
    "omit": 0.6,
    "late_commissions": 0.4,
    "split": 0.3,
    "correct": 0.3,
    "bust": 0.15,
    "desync": 0.15,
    "cancel_silently": 0.15,
}


class Gambler:
    """Plays one seed.

    Attributes:
        node: The present life of the node.
        lives: How many there were.
        played: How often each move was made.
    """

    def __init__(self, gateway: SimulatedIBGateway, folder: Path, seed: int) -> None:
        self.gateway = gateway
        self.random = random.Random(seed)
        self.played: dict[str, int] = {}
        self.lives = 0
        self._folder = folder
        self._path = folder / "life-0.db"
        self.node: Node

    async def play(self, orders: int) -> None:
        """Play until so many orders were submitted, then let everything end."""
        self.gateway.faults.spare_answers()  # an answer that comes at all comes whole: it is TCP
        self.node = await self._born()
        moves = {**TRADING, **FAULTS}
        names, weights = list(moves), list(moves.values())
        while self.played.get("orders", 0) < orders:
            (name,) = self.random.choices(names, weights)
            getattr(self, name)()
            self.played[name] = self.played.get(name, 0) + 1
            await self._time()
        await self._settle()

    async def _time(self) -> None:
        """Let a little time pass, more often none."""
        if self.node.is_dead:
            await self._reborn()
        if self.random.random() < 0.3:
            await self.gateway.advance(self.random.choice([0.05, 0.2, 0.5]))
        for _ in range(self.random.choice([0, 1, 1, 3, 20])):
            await asyncio.sleep(0)
        if self.random.random() < 0.08:
            await asyncio.sleep(self.random.choice([0.3, 3.0, 8.0]))

    async def _born(self) -> Node:
        node = Node(self.gateway, self._path)
        await node.live()
        self.lives += 1
        return node

    async def _reborn(self) -> None:
        await self.node.buried()
        self._path = self._remains()
        self.node = await self._born()

    def _remains(self) -> Path:
        return self._folder / f"life-{self.lives}.db"

    # -- trading --------------------------------------------------------------------------------

    def _count(self, orders: int = 1) -> None:
        self.played["orders"] = self.played.get("orders", 0) + orders

    def _target(self) -> tuple[InstrumentId, OrderSide, Quantity]:
        name = self.random.choice(INSTRUMENTS)
        size = self.random.randrange(1, 9) * _LOTS[name]
        return InstrumentId(name), self.random.choice(list(OrderSide)), Quantity(str(size))

    def _price(self, name: str, side: OrderSide, ticks: int) -> Price:
        """Return a price so many ticks through the market, negative for away from it."""
        quote = self.gateway.truth.board(_BOARDS[name]).quote
        tick, precision = _TICKS[name]
        value = Decimal(str(quote.ask if side is OrderSide.BUY else quote.bid))
        value += tick * ticks * side.sign
        return Price(value.quantize(tick) // tick * tick, precision)

    def market(self) -> None:
        self._count()
        self.node.commands.submit_order(self.node.factory.market(*self._target()))

    def limit(self) -> None:
        self._count()
        name, side, size = self._target()
        price = self._price(name, side, self.random.choice([-300, -40, -5, 0, 5, 50]))
        tif = self.random.choice([TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC])
        self.node.commands.submit_order(
            self.node.factory.limit(name, side, size, price, time_in_force=tif)
        )

    def stop(self) -> None:
        self._count()
        name, side, size = self._target()
        trigger = self._price(name, side, self.random.choice([3, 20, 200]))
        self.node.commands.submit_order(
            self.node.factory.stop_market(name, side, size, trigger_price=trigger)
        )

    def bracket(self) -> None:
        self._count(3)
        name, side, size = self._target()
        away = self.random.choice([3, 50])
        self.node.commands.submit_order_list(
            self.node.factory.bracket(
                name,
                side,
                size,
                sl_trigger_price=self._price(name, side, -away),
                tp_price=self._price(name, side.opposite, -away),
                entry_price=self._price(name, side, self.random.choice([-40, 10])),
            )
        )

    def group(self) -> None:
        """Two orders of which one cancels the other."""
        from posei_trader.adapters.interactive_brokers.common import IBOrderTags

        name, side, size = self._target()
        tags = IBOrderTags(ocaGroup=f"G{self.played.get('orders', 0)}", ocaType=1)
        for ticks in (-2, -60):
            self._count()
            order = self.node.factory.limit(
                name, side, size, self._price(name, side, ticks), tags=[tags.value]
            )
            self.node.commands.submit_order(order)

    def _pick(self) -> Order | None:
        live = [one for one in self.node.cache.orders() if not one.is_closed]
        return self.random.choice(live) if live else None

    def cancel(self) -> None:
        order = self._pick()
        if order is not None:
            self.node.commands.cancel_order(order)

    def modify(self) -> None:
        order = self._pick()
        if order is None or order.price is None:
            return
        price = self._price(order.instrument_id, order.side, self.random.choice([-80, -10, 0, 20]))
        size = None
        if self.random.random() < 0.3:
            lot = _LOTS[order.instrument_id]
            size = Quantity(str(self.random.randrange(1, 9) * lot))
        self.node.commands.modify_order(order, price=price, quantity=size)

    def cancel_all(self) -> None:
        name = InstrumentId(self.random.choice(INSTRUMENTS))
        side = self.random.choice([None, *OrderSide])
        self.node.commands.cancel_all_orders(STRATEGY, name, side)

    def by_hand(self) -> None:
        side = self.random.choice(list(OrderSide))
        price = self._price("AAPL.NASDAQ", side, self.random.choice([-60, 10]))
        request = WireOrder(
            action=side.value,
            totalQuantity=Decimal(100),
            orderType="LMT",
            lmtPrice=float(price),
            tif="DAY",
        )
        self.gateway.place_by_hand("AAPL", request)

    # -- faults ---------------------------------------------------------------------------------

    def drop(self) -> None:
        self.gateway.faults.drop()

    def cut_mid_frame(self) -> None:
        self.gateway.faults.drop(after_bytes=self.random.choice([1, 3, 7, 40, 200, 900]))

    def cut_after_messages(self) -> None:
        self.gateway.faults.drop(after_messages=self.random.choice([0, 1, 2, 3, 8]))

    def restart(self) -> None:
        self.gateway.faults.restart(self.random.choice([0.1, 3.0]))

    def kill(self) -> None:
        self.node.kill(self._remains())

    def kill_at_a_write(self) -> None:
        node, path = self.node, self._remains()
        node.store.arm(
            self.random.randrange(1, 12),
            before=self.random.random() < 0.5,
            die=lambda: node.kill(path),
        )

    def half_open(self) -> None:
        self.gateway.faults.half_open()

    def stall(self) -> None:
        self.gateway.faults.stall(seconds=self.random.choice([0.05, 2.0]))

    def upstream(self) -> None:
        self.gateway.faults.connectivity_lost()
        loop = asyncio.get_running_loop()
        loop.call_later(
            self.random.choice([0.1, 4.0]),
            lambda: self.gateway.faults.connectivity_restored(data_maintained=True),
        )

    def refuse_id(self) -> None:
        self.gateway.faults.refuse_client_ids(1.0)
        self.gateway.faults.drop()

    def repeat_executions(self) -> None:
        self.gateway.faults.repeat_executions(self.random.randrange(3))

    def repeat(self) -> None:
        self.gateway.faults.repeat(self.random.choice(_MESSAGES), self.random.randrange(1, 4))

    def swap(self) -> None:
        self.gateway.faults.swap(self.random.choice(_MESSAGES), self.random.randrange(1, 4))

    def omit(self) -> None:
        self.gateway.faults.omit(self.random.choice(_MESSAGES), 1)

    def late_commissions(self) -> None:
        self.gateway.faults.delay_commissions(self.random.choice([0.0, 0.4, 3.0]))

    def split(self) -> None:
        self.gateway.faults.split(self.random.choice([None, 3, 50]))

    def correct(self) -> None:
        fills = self._correctable()
        if fills:
            fill = self.random.choice(fills)
            tick = Decimal("0.01") if fill.contract.sec_type == "STK" else Decimal("0.00005")
            self.gateway.faults.correct_execution(fill.exec_id, str(fill.price + 7 * tick))

    def bust(self) -> None:
        fills = self._correctable()
        if fills:
            self.gateway.faults.bust_execution(self.random.choice(fills).exec_id)

    def _correctable(self):
        return self.gateway.truth.executions[-8:]

    def desync(self) -> None:
        self.gateway.faults.desync_orders(CLIENT)
        asyncio.get_running_loop().call_later(2.0, self.gateway.faults.resync_orders, CLIENT)

    def cancel_silently(self) -> None:
        live = [one for one in self.gateway.truth.open_orders if one.order_id > 0]
        if live:
            one = self.random.choice(live)
            self.gateway.faults.cancel_silently(one.client_id, one.order_id)

    # -- the end --------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """End the faults, then cancel what works until nothing does, here and there."""
        faults = self.gateway.faults
        self.node.store.arm(0, before=False, die=lambda: None)
        await asyncio.sleep(10)
        faults.repeat_executions(0)
        faults.delay_commissions(0)
        faults.resync_orders(CLIENT)
        faults.split(None)
        faults.release()
        faults.drop()  # whatever was armed in the connection goes with it
        for one in self.gateway.truth.open_orders:
            if one.client_id != CLIENT:
                self.gateway.simulation.desk.cancel(one.key)  # a person at TWS tidies up
        for _ in range(60):
            if self.node.is_dead:
                await self._reborn()
            await self._ready()
            live = [one for one in self.node.cache.orders() if not one.is_closed]
            if not live and not self.gateway.truth.open_orders:
                break
            for order in live:
                if order.is_open and not order.is_in_flight:
                    self.node.commands.cancel_order(order)
            await asyncio.sleep(6)
            await self.gateway.advance(1)
        else:
            venue = [(one.request.orderRef, one.status) for one in self.gateway.truth.open_orders]
            raise AssertionError(f"does not come to rest: {live}; the venue works {venue}")
        await self.gateway.advance(5)
        await asyncio.sleep(1)
        await self._ready()
        await self.node.engine.reconcile(self.node.client)

    async def _ready(self) -> None:
        async with asyncio.timeout(300):
            while not self.node.may_trade:  # noqa: ASYNC110  several parts make it come true
                await asyncio.sleep(0.2)
