"""The session itself: startApi, time, ids, log level, verification, display groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.logs import get_logger
from posei_ib_sim.server.translate import open_order, order_status

if TYPE_CHECKING:
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["StartHandlers"]

_log = get_logger(__name__)

_NOTICES: Final = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefil"),
)
_GROUPS: Final = range(1, 8)


@final
class StartHandlers:
    """Starts sessions and answers what concerns nothing else."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._group_contracts: dict[int, str] = {}

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.StartApiRequest, self.start)
        routes.add(wire.CurrentTimeRequest, self.current_time)
        routes.add(wire.CurrentTimeInMillisRequest, self.current_time_in_millis)
        routes.add(wire.IdsRequest, self.ids)
        routes.add(wire.ManagedAccountsRequest, self.managed_accounts)
        routes.add(wire.SetServerLogLevelRequest, self.log_level)
        routes.add(wire.UserInfoRequest, self.user_info)
        routes.add(wire.VerifyRequest, self.verify)
        routes.add(wire.VerifyMessageRequest, self.verify_message)
        routes.add(wire.VerifyAndAuthRequest, self.verify_and_auth)
        routes.add(wire.VerifyAndAuthMessage, self.verify_and_auth_message)
        routes.add(wire.QueryDisplayGroupsRequest, self.display_groups)
        routes.add(wire.SubscribeToGroupEventsRequest, self.subscribe_group)
        routes.add(wire.UpdateDisplayGroupRequest, self.update_group)
        routes.add(wire.UnsubscribeFromGroupEventsRequest, self.unsubscribe_group)

    def start(self, session: Session, message: wire.StartApiRequest) -> None:
        """Begin the session, or refuse a client id that is in use and hang up."""
        client_id = message.clientId or 0
        if session.client_id is not None:
            # Another id would leave the first one taken for ever.
            raise RequestRefused(
                322,
                "Error processing request.-'bP' : cause - The API has been started already, as "
                f"client {session.client_id}",
            )
        if not self._server.claim(session, client_id):
            session.error(
                -1,
                326,
                "Unable to connect as the client id is already in use. "
                "Retry with a unique client id.",
            )
            session.close()
            return
        session.is_ready = True
        known = self._server.simulation.desk.registry.open_orders(client_id)
        orders = [order for order in known if order.is_bound]
        for order in orders:
            session.send(open_order(order))
            session.send(order_status(order))
        if orders:
            session.send(wire.OpenOrdersEnd())
        session.send(wire.ManagedAccounts(accountsList=self._accounts()))
        self._send_next_id(session, client_id)
        for code, text in _NOTICES:
            session.error(-1, code, text)
        if not self._server.connectivity:
            session.error(
                -1, 1100, "Connectivity between IBKR and Trader Workstation has been lost."
            )
        self._server.happened("connect")

    def current_time(self, session: Session, _: wire.CurrentTimeRequest) -> None:
        """Tell the simulated time."""
        session.send(wire.CurrentTime(currentTime=self._server.now_ns // 1_000_000_000))

    def current_time_in_millis(self, session: Session, _: wire.CurrentTimeInMillisRequest) -> None:
        """Tell the simulated time in milliseconds."""
        session.send(wire.CurrentTimeInMillis(currentTimeInMillis=self._server.now_ns // 1_000_000))

    def ids(self, session: Session, _: wire.IdsRequest) -> None:
        """Tell the next valid order id."""
        self._send_next_id(session, session.client_id or 0)

    def managed_accounts(self, session: Session, _: wire.ManagedAccountsRequest) -> None:
        """List the accounts."""
        session.send(wire.ManagedAccounts(accountsList=self._accounts()))

    def log_level(self, session: Session, message: wire.SetServerLogLevelRequest) -> None:
        """Take the client's wish for a log level; the simulator's own level is set elsewhere."""
        _log.debug("log level", client_id=session.client_id, level=message.logLevel)

    def user_info(self, session: Session, message: wire.UserInfoRequest) -> None:
        """Answer that there is no white branding."""
        session.send(wire.UserInfo(reqId=message.reqId, whiteBrandingId=""))

    def verify(self, session: Session, message: wire.VerifyRequest) -> None:
        """Begin a verification; any data is accepted."""
        session.send(wire.VerifyMessageApi(apiData=f"{message.apiName}:{message.apiVersion}"))

    def verify_message(self, session: Session, _: wire.VerifyMessageRequest) -> None:
        """End a verification with success."""
        session.send(wire.VerifyCompleted(isSuccessful=True, errorText=""))

    def verify_and_auth(self, session: Session, message: wire.VerifyAndAuthRequest) -> None:
        """Begin a verification with authentication."""
        session.send(
            wire.VerifyAndAuthMessageApi(
                apiData=f"{message.apiName}:{message.apiVersion}", xyzChallenge="challenge"
            )
        )

    def verify_and_auth_message(self, session: Session, _: wire.VerifyAndAuthMessage) -> None:
        """End it with success."""
        session.send(wire.VerifyAndAuthCompleted(isSuccessful=True, errorText=""))

    def display_groups(self, session: Session, message: wire.QueryDisplayGroupsRequest) -> None:
        """List the display groups."""
        groups = "|".join(str(group) for group in _GROUPS)
        session.send(wire.DisplayGroupList(reqId=message.reqId, groups=groups))

    def subscribe_group(
        self, session: Session, message: wire.SubscribeToGroupEventsRequest
    ) -> None:
        """Follow a display group and tell its contract."""
        group = message.groupId or 0
        info = self._group_contracts.get(group, "none")
        session.subscribe("display group", message.reqId or 0, lambda: None)
        session.group_of[message.reqId or 0] = group
        session.send(wire.DisplayGroupUpdated(reqId=message.reqId, contractInfo=info))

    def update_group(self, session: Session, message: wire.UpdateDisplayGroupRequest) -> None:
        """Change the contract of a followed group and tell everybody who follows it."""
        group = session.group_of.get(message.reqId or 0)
        if group is None:
            session.error(message.reqId or -1, 321, "No display group is followed by this request")
            return
        self._group_contracts[group] = message.contractInfo
        for other in self._server.sessions:
            for req_id, followed in other.group_of.items():
                if followed == group and other.has("display group", req_id):
                    other.send(
                        wire.DisplayGroupUpdated(reqId=req_id, contractInfo=message.contractInfo)
                    )

    def unsubscribe_group(
        self, session: Session, message: wire.UnsubscribeFromGroupEventsRequest
    ) -> None:
        """Stop following a group."""
        session.cancel("display group", message.reqId or 0)
        session.group_of.pop(message.reqId or 0, None)

    def _accounts(self) -> str:
        return ",".join(self._server.simulation.accounts.accounts)

    def _send_next_id(self, session: Session, client_id: int) -> None:
        forced = self._server.forced_next_id
        registry = self._server.simulation.desk.registry
        order_id = registry.next_order_id(client_id) if forced is None else forced
        session.send(wire.NextValidId(orderId=order_id))
