from dataclasses import dataclass

import pytest

from posei_trader.config import RoutingConfig
from posei_trader.engine.routing import Router
from posei_trader.errors import ConfigError, InvalidRequest
from posei_trader.model.identifiers import ClientId, InstrumentId, Venue

AAPL = InstrumentId("AAPL.XNAS")


@dataclass
class Client:
    client_id: ClientId
    is_connected: bool = True


def router(**clients):
    made = Router("data")
    for name, routing in clients.items():
        made.add(Client(ClientId(name)), routing)
    return made


def test_the_only_client_serves_everything():
    assert router(IB=RoutingConfig()).route(AAPL).client_id == "IB"


def test_a_listed_venue_wins_over_a_name_and_the_default():
    made = router(
        XNAS=RoutingConfig(),
        IB=RoutingConfig(default=True),
        DB=RoutingConfig(venues=frozenset({"XNAS"})),
    )
    assert made.route(AAPL).client_id == "DB"
    assert made.route(InstrumentId("V.XNYS")).client_id == "IB"
    assert made.venue_client(Venue("XNAS")).client_id == "DB"


def test_a_client_of_the_venues_name_wins_over_the_default():
    made = router(XNAS=RoutingConfig(), IB=RoutingConfig(default=True))
    assert made.route(AAPL).client_id == "XNAS"


def test_an_explicit_client_wins_over_everything():
    made = router(XNAS=RoutingConfig(), IB=RoutingConfig(default=True))
    assert made.route(AAPL, ClientId("IB")).client_id == "IB"


def test_a_venue_that_nobody_serves_is_an_error_that_names_the_clients():
    made = router(IB=RoutingConfig(), DB=RoutingConfig())
    assert made.venue_client(Venue("XNAS")) is None
    with pytest.raises(InvalidRequest) as caught:
        made.route(AAPL)
    assert caught.value.value == AAPL
    assert "configured data clients: DB, IB" in caught.value.remedy


def test_an_unknown_client_is_an_error_that_names_those_there_are():
    with pytest.raises(InvalidRequest, match="configured data clients: IB"):
        router(IB=RoutingConfig()).client(ClientId("TWS"))
    with pytest.raises(InvalidRequest, match="none"):
        router().client(ClientId("TWS"))


@pytest.mark.parametrize(
    ("routing", "message"),
    [
        (RoutingConfig(default=True), "two clients want to be the default"),
        (RoutingConfig(venues=frozenset({"XNAS"})), "two clients claim one venue"),
    ],
)
def test_contradicting_routes_are_refused_by_name(routing, message):
    made = router(IB=RoutingConfig(default=True, venues=frozenset({"XNAS"})))
    with pytest.raises(ConfigError, match=message) as caught:
        made.add(Client(ClientId("DB")), routing)
    assert "IB and DB" in str(caught.value)
    assert [client.client_id for client in made.clients] == ["IB"]


def test_two_clients_of_one_name_are_refused():
    made = router(IB=RoutingConfig())
    with pytest.raises(ConfigError, match="one name"):
        made.add(Client(ClientId("IB")), RoutingConfig())


def test_no_client_is_not_connected():
    assert not router().all_connected()
