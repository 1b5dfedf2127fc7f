"""The gateway in a thread, for clients with a blocking loop."""

import pytest
from ibapi.client import EClient
from ibapi.wrapper import EWrapper

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.gateway import SimulatedIBGatewayConfig
from posei_ib_sim.threaded import GatewayThread


class OneQuestion(EWrapper, EClient):
    """Asks for the time once connected and hangs up with the answer."""

    def __init__(self):
        EClient.__init__(self, self)
        self.answer = None

    def nextValidId(self, _):
        self.reqCurrentTime()

    def currentTime(self, time):
        self.answer = time
        self.disconnect()


def test_a_blocking_client_needs_no_event_loop():
    with GatewayThread(SimulatedIBGatewayConfig(speed="step")) as gateway:
        client = OneQuestion()
        client.connect(gateway.host, gateway.port, 1)
        client.run()
        assert client.answer == gateway.call(lambda one: one.clock.now_ns) // 10**9


def test_a_start_that_fails_leaves_no_thread():
    thread = GatewayThread(SimulatedIBGatewayConfig(replay=["nosuch.csv"]))
    with pytest.raises(ConfigurationError, match=r"nosuch\.csv"):
        thread.start()
    with pytest.raises(RuntimeError, match="call start"):
        thread.call(lambda gateway: gateway.port)
