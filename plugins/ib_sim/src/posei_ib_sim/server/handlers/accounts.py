"""Accounts: summary, updates, positions, profit and loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.accounts import Account, account_rows, ledger_rows, summary_rows
from posei_ib_sim.clock import NANOSECONDS
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.history import format_time
from posei_ib_sim.server.translate import money, to_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from posei_ib_sim.accounts import AccountBook, Advisor, Position
    from posei_ib_sim.accounts.values import Row
    from posei_ib_sim.clock import Timer
    from posei_ib_sim.market import Board, MarketEvent
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["AccountHandlers"]

_SUMMARY: Final = "account summary"
_UPDATES: Final = "account updates"
_MULTI: Final = "account updates multi"
_POSITIONS: Final = "positions"
_POSITIONS_MULTI: Final = "positions multi"
_PNL: Final = "pnl"
_PNL_SINGLE: Final = "pnl single"
_MAX_SUMMARIES: Final = 2
_REFRESH_NS: Final = 180 * NANOSECONDS
_PNL_NS: Final = NANOSECONDS
# IB writes the largest double where a figure does not exist.
_NO_FIGURE: Final = None


@final
class AccountHandlers:
    """Serves account data."""

    def __init__(self, server: Server) -> None:
        self._server = server
        server.reports.on_account_change(self._changed)

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.AccountSummaryRequest, self.summary)
        routes.add(wire.CancelAccountSummary, self.cancel_summary)
        routes.add(wire.AccountDataRequest, self.updates)
        routes.add(wire.AccountUpdatesMultiRequest, self.updates_multi)
        routes.add(wire.CancelAccountUpdatesMulti, self.cancel_updates_multi)
        routes.add(wire.PositionsRequest, self.positions)
        routes.add(wire.CancelPositions, self.cancel_positions)
        routes.add(wire.PositionsMultiRequest, self.positions_multi)
        routes.add(wire.CancelPositionsMulti, self.cancel_positions_multi)
        routes.add(wire.PnLRequest, self.pnl)
        routes.add(wire.CancelPnL, self.cancel_pnl)
        routes.add(wire.PnLSingleRequest, self.pnl_single)
        routes.add(wire.CancelPnLSingle, self.cancel_pnl_single)
        routes.add(wire.FamilyCodesRequest, self.family_codes)

    # ------------------------------------------------------------------ summary

    def summary(self, session: Session, message: wire.AccountSummaryRequest) -> None:
        """Send the summary, then the rows that change every three minutes."""
        req_id = message.reqId or 0
        if session.count(_SUMMARY) >= _MAX_SUMMARIES and not session.has(_SUMMARY, req_id):
            raise RequestRefused(
                322,
                "Error processing request.-'cL' : cause - Maximum number of account summary "
                "requests exceeded",
            )
        sent: dict[tuple[str, str, str], str] = {}
        accounts = self._group(message.group)

        def refresh() -> None:
            for account in accounts:
                for tag, value, currency in summary_rows(self._book, account, message.tags):
                    key = (account.account_id, tag, currency)
                    if sent.get(key) != value:
                        sent[key] = value
                        session.send(
                            wire.AccountSummary(
                                reqId=req_id,
                                account=account.account_id,
                                tag=tag,
                                value=value,
                                currency=currency,
                            )
                        )

        refresh()
        session.send(wire.AccountSummaryEnd(reqId=req_id))
        session.subscribe(_SUMMARY, req_id, self._every(_REFRESH_NS, refresh))
        session.on_account[_SUMMARY, req_id] = lambda _: refresh()

    def cancel_summary(self, session: Session, message: wire.CancelAccountSummary) -> None:
        """End a summary."""
        self._end(session, _SUMMARY, message.reqId or 0)

    # ------------------------------------------------------------------ updates

    def updates(self, session: Session, message: wire.AccountDataRequest) -> None:
        """Send all values and positions of an account, then what changes."""
        if not message.subscribe:
            self._end(session, _UPDATES, 0)
            return
        account = self._account(message.acctCode)
        if session.has(_UPDATES, 0):
            session.error(
                -1,
                2100,
                "New account data requested from TWS.  API client has been unsubscribed from "
                "account data.",
            )
        sent: dict[tuple[str, str], str] = {}
        shown: dict[int, wire.PortfolioValue] = {}

        def refresh() -> None:
            for key, value, currency in account_rows(self._book, account):
                if sent.get((key, currency)) != value:
                    sent[key, currency] = value
                    session.send(
                        wire.AccountValue(
                            key=key, value=value, currency=currency, accountName=account.account_id
                        )
                    )
            for con_id, row in self._portfolio(account):
                if shown.get(con_id) != row:
                    shown[con_id] = row
                    session.send(row)
            clock = format_time(self._server.now_ns, self._server.simulation.zone).split(" ")[1]
            session.send(wire.AccountUpdateTime(timeStamp=clock[:5]))

        refresh()
        session.send(wire.AccountDataEnd(accountName=account.account_id))
        session.subscribe(_UPDATES, 0, self._every(_REFRESH_NS, refresh))

        def on_change(account_id: str) -> None:
            if account_id == account.account_id:
                refresh()

        session.on_account[_UPDATES, 0] = on_change

    def updates_multi(self, session: Session, message: wire.AccountUpdatesMultiRequest) -> None:
        """Send the values of one account or all, then what changes."""
        req_id = message.reqId or 0
        self._advisor.check_model(message.modelCode)
        accounts = self._group(message.account)
        sent: dict[tuple[str, str, str], str] = {}

        def refresh() -> None:
            for account in accounts:
                rows: Iterable[Row] = account_rows(self._book, account)
                if message.ledgerAndNLV:
                    totals = summary_rows(self._book, account, "NetLiquidation")
                    rows = [*totals, *ledger_rows(self._book, account, "ALL")]
                for key, value, currency in rows:
                    if sent.get((account.account_id, key, currency)) != value:
                        sent[account.account_id, key, currency] = value
                        session.send(
                            wire.AccountUpdateMulti(
                                reqId=req_id,
                                account=account.account_id,
                                modelCode=message.modelCode,
                                key=key,
                                value=value,
                                currency=currency,
                            )
                        )

        refresh()
        session.send(wire.AccountUpdateMultiEnd(reqId=req_id))
        session.subscribe(_MULTI, req_id, self._every(_REFRESH_NS, refresh))
        session.on_account[_MULTI, req_id] = lambda _: refresh()

    def cancel_updates_multi(
        self, session: Session, message: wire.CancelAccountUpdatesMulti
    ) -> None:
        """End such updates."""
        self._end(session, _MULTI, message.reqId or 0)

    # ------------------------------------------------------------------ positions

    def positions(self, session: Session, _: wire.PositionsRequest) -> None:
        """Send all positions, then those that change."""
        sent: dict[tuple[str, int], wire.Position] = {}

        def refresh(account_id: str) -> None:
            for account in self._group("All"):
                if account_id and account.account_id != account_id:
                    continue
                for position in account.positions.values():
                    key = (account.account_id, position.contract.con_id)
                    row = self._position(account, position)
                    if (position.quantity or key in sent) and sent.get(key) != row:
                        sent[key] = row
                        session.send(row)

        refresh("")
        session.send(wire.PositionEnd())
        session.subscribe(_POSITIONS, 0, lambda: None)
        session.on_account[_POSITIONS, 0] = refresh

    def cancel_positions(self, session: Session, _: wire.CancelPositions) -> None:
        """End positions."""
        self._end(session, _POSITIONS, 0)

    def positions_multi(self, session: Session, message: wire.PositionsMultiRequest) -> None:
        """Send the positions of one account or all, then those that change."""
        req_id = message.reqId or 0
        self._advisor.check_model(message.modelCode)
        accounts = self._group(message.account)
        sent: dict[tuple[str, int], wire.PositionMulti] = {}

        def refresh(_: str) -> None:
            for account in accounts:
                for position in account.positions.values():
                    key = (account.account_id, position.contract.con_id)
                    plain = self._position(account, position)
                    row = wire.PositionMulti(
                        reqId=req_id,
                        account=plain.account,
                        contract=plain.contract,
                        position=plain.position,
                        avgCost=plain.avgCost,
                        modelCode=message.modelCode,
                    )
                    if (position.quantity or key in sent) and sent.get(key) != row:
                        sent[key] = row
                        session.send(row)

        refresh("")
        session.send(wire.PositionMultiEnd(reqId=req_id))
        session.subscribe(_POSITIONS_MULTI, req_id, lambda: None)
        session.on_account[_POSITIONS_MULTI, req_id] = refresh

    def cancel_positions_multi(self, session: Session, message: wire.CancelPositionsMulti) -> None:
        """End such positions."""
        self._end(session, _POSITIONS_MULTI, message.reqId or 0)

    # ------------------------------------------------------------------ profit and loss

    def pnl(self, session: Session, message: wire.PnLRequest) -> None:
        """Send an account's profit and loss, then once a second while it changes."""
        req_id = message.reqId or 0
        self._advisor.check_model(message.modelCode)
        account = self._account(message.account)

        def current() -> wire.ServerMessage:
            value = self._book.value(account)
            return wire.PnL(
                reqId=req_id,
                dailyPnL=money(self._book.daily_pnl(account)),
                unrealizedPnL=money(value.unrealized),
                realizedPnL=money(value.realized),
            )

        self._follow(session, _PNL, req_id, current, account.account_id, None)

    def cancel_pnl(self, session: Session, message: wire.CancelPnL) -> None:
        """End a profit and loss stream."""
        self._end(session, _PNL, message.reqId or 0)

    def pnl_single(self, session: Session, message: wire.PnLSingleRequest) -> None:
        """Send the profit and loss of one position, then once a second while it changes."""
        req_id = message.reqId or 0
        self._advisor.check_model(message.modelCode)
        account = self._account(message.account)
        contract = self._server.simulation.contracts.get(message.conId or 0)

        def current() -> wire.ServerMessage:
            position = account.position(contract)
            price = self._book.price(contract)
            held = position.quantity != 0
            return wire.PnLSingle(
                reqId=req_id,
                position=position.quantity,
                dailyPnL=money(self._book.daily_pnl_of(position)),
                unrealizedPnL=money(position.unrealized(price)) if held else _NO_FIGURE,
                realizedPnL=money(position.realized) if position.realized else _NO_FIGURE,
                value=money(position.market_value(price)),
            )

        self._follow(session, _PNL_SINGLE, req_id, current, account.account_id, contract.con_id)

    def cancel_pnl_single(self, session: Session, message: wire.CancelPnLSingle) -> None:
        """End such a stream."""
        self._end(session, _PNL_SINGLE, message.reqId or 0)

    def family_codes(self, session: Session, _: wire.FamilyCodesRequest) -> None:
        """Answer the family of each account of an advisor; others have the row of no family."""
        codes = {"*": ""}
        if self._advisor.exists:
            codes = dict.fromkeys(self._book.accounts, self._book.default.account_id)
        session.send(
            wire.FamilyCodes(
                familyCodes=tuple(
                    wire.FamilyCode(accountId=name, familyCode=code) for name, code in codes.items()
                )
            )
        )

    # ------------------------------------------------------------------ helpers

    @property
    def _book(self) -> AccountBook:
        return self._server.simulation.accounts

    def _account(self, code: str) -> Account:
        return self._book.get(code) if code else self._book.default

    def _group(self, name: str) -> list[Account]:
        """Return the accounts of an advisor's group, one account, or all."""
        return [self._book.get(one) for one in self._advisor.members(name)]

    @property
    def _advisor(self) -> Advisor:
        return self._server.simulation.desk.advisor

    def _portfolio(self, account: Account) -> Iterable[tuple[int, wire.PortfolioValue]]:
        for con_id, position in account.positions.items():
            contract = position.contract
            price = self._book.price(contract)
            yield (
                con_id,
                wire.PortfolioValue(
                    contract=to_wire(contract, contract.primary_exchange or contract.exchange),
                    position=position.quantity,
                    marketPrice=float(price),
                    marketValue=money(position.market_value(price)),
                    averageCost=round(float(position.average_cost), 8),
                    unrealizedPNL=money(position.unrealized(price)),
                    realizedPNL=money(position.realized),
                    accountName=account.account_id,
                ),
            )

    @staticmethod
    def _position(account: Account, position: Position) -> wire.Position:
        contract = position.contract
        return wire.Position(
            account=account.account_id,
            contract=to_wire(contract, contract.primary_exchange or contract.exchange),
            position=position.quantity,
            avgCost=round(float(position.average_cost), 8),
        )

    def _changed(self, account_id: str) -> None:
        for session in self._server.sessions:
            for listener in list(session.on_account.values()):
                listener(account_id)

    def _every(self, period_ns: int, action: Callable[[], None]) -> Callable[[], None]:
        """Run an action once a simulated period, if the market moved; return what ends that.

        Values change with prices and fills only; a night without either costs nothing, however
        fast the clock runs.
        """
        clock = self._server.simulation.clock
        armed: list[Timer] = []

        def run() -> None:
            armed.clear()
            action()

        def moved(_board: Board, _event: MarketEvent) -> None:
            if not armed:
                armed.append(clock.call_later(period_ns, run))

        stop_observing = self._server.simulation.feed.observe(moved)

        def stop() -> None:
            stop_observing()
            for timer in armed:
                timer.cancel()

        return stop

    def _follow(
        self,
        session: Session,
        kind: str,
        req_id: int,
        current: Callable[[], wire.ServerMessage],
        account_id: str,
        con_id: int | None,
    ) -> None:
        """Send a figure now and, at most once a simulated second, whenever it has changed."""
        clock = self._server.simulation.clock
        last = current()
        session.send(last)
        pending = False

        def send() -> None:
            nonlocal last, pending
            pending = False
            if not session.has(kind, req_id):
                return
            fresh = current()
            if fresh != last:
                last = fresh
                session.send(fresh)

        def schedule() -> None:
            nonlocal pending
            if not pending:
                pending = True
                clock.call_later(_PNL_NS, send)

        def on_event(board: Board, _: MarketEvent) -> None:
            held = self._book.get(account_id).positions.get(board.contract.con_id)
            if held is not None and con_id in {None, board.contract.con_id}:
                schedule()

        session.subscribe(kind, req_id, self._server.simulation.feed.observe(on_event))
        session.on_account[kind, req_id] = lambda _: schedule()

    @staticmethod
    def _end(session: Session, kind: str, ident: int) -> None:
        session.cancel(kind, ident)
        session.on_account.pop((kind, ident), None)
