"""Which client serves an instrument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, final

from posei_trader.errors import ConfigError, InvalidRequest
from posei_trader.model.identifiers import ClientId, Venue

if TYPE_CHECKING:
    from posei_trader.config import RoutingConfig
    from posei_trader.model.identifiers import InstrumentId

__all__ = ["Router"]


class _Named(Protocol):
    @property
    def client_id(self) -> ClientId: ...

    @property
    def is_connected(self) -> bool: ...


ClientT = TypeVar("ClientT", bound=_Named)


@final
class Router(Generic[ClientT]):
    """Find a client: by its id, else by venue, else the default.

    A venue belongs to the client whose `RoutingConfig.venues` lists it, else to the client of the
    same name. The default is the client with ``RoutingConfig(default=True)``, or the only one.

    Args:
        kind: What is routed, for messages: ``data`` or ``exec``.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._clients: dict[ClientId, ClientT] = {}
        self._venues: dict[Venue, ClientT] = {}
        self._default: ClientT | None = None
        self._routes: dict[InstrumentId, ClientT] = {}
        """What was found before; as many as there are instruments that are used."""

    @property
    def clients(self) -> list[ClientT]:
        """Return every client."""
        return list(self._clients.values())

    def add(self, client: ClientT, routing: RoutingConfig) -> None:
        """Add a client.

        Raises:
            ConfigError: another one has the same id, venue, or is the default already.
        """
        client_id = client.client_id
        if client_id in self._clients:
            raise ConfigError(
                "two clients have one name",
                field=f"{self._kind}_clients",
                value=client_id,
                remedy="give each client a name of its own",
            )
        if routing.default and self._default is not None:
            raise ConfigError(
                "two clients want to be the default",
                field=f"{self._kind}_clients.{client_id}.routing.default",
                value=f"{self._default.client_id} and {client_id}",
                remedy="set default=True for one of them, list venues for the other",
            )
        for name in sorted(routing.venues):
            known = self._venues.get(Venue(name))
            if known is not None:
                raise ConfigError(
                    "two clients claim one venue",
                    field=f"{self._kind}_clients.{client_id}.routing.venues",
                    value=f"{name}: {known.client_id} and {client_id}",
                    remedy="list the venue for one of them",
                )
        self._routes.clear()
        self._clients[client_id] = client
        self._venues.update({Venue(name): client for name in routing.venues})
        if routing.default:
            self._default = client

    def client(self, client_id: ClientId) -> ClientT:
        """Return a client by its id.

        Raises:
            InvalidRequest: there is none of that name; names those there are.
        """
        found = self._clients.get(client_id)
        if found is None:
            raise InvalidRequest(
                f"there is no {self._kind} client of this name",
                field="client_id",
                value=client_id,
                remedy=self._choices(),
            )
        return found

    def venue_client(self, venue: Venue) -> ClientT | None:
        """Return the client that serves a venue, None when nobody does."""
        named = self._clients.get(ClientId(venue))
        only = next(iter(self._clients.values())) if len(self._clients) == 1 else None
        return self._venues.get(venue) or named or self._default or only

    def route(self, instrument_id: InstrumentId, client_id: ClientId | None = None) -> ClientT:
        """Return the client for an instrument.

        Raises:
            InvalidRequest: nobody serves the venue, or there is no client of that name.
        """
        if client_id is not None:
            return self.client(client_id)
        known = self._routes.get(instrument_id)
        if known is not None:
            return known
        found = self.venue_client(instrument_id.venue)
        if found is None:
            raise InvalidRequest(
                f"no {self._kind} client serves the venue {instrument_id.venue}",
                field="instrument_id",
                value=instrument_id,
                remedy=(
                    f"{self._choices()}; list the venue in the RoutingConfig of one of them, "
                    "set default=True, or pass client_id"
                ),
            )
        self._routes[instrument_id] = found
        return found

    def all_connected(self) -> bool:
        """Return whether there are clients and every one is connected."""
        return bool(self._clients) and all(one.is_connected for one in self._clients.values())

    def _choices(self) -> str:
        names = ", ".join(sorted(self._clients)) or "none"
        return f"configured {self._kind} clients: {names}"
