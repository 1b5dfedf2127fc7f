"""SIGINT and SIGTERM end a node cleanly in every phase, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HERE = Path(__file__).parent

PROGRAM = """
    import sys
    sys.path[:0] = [{here!r}, {parent!r}]
    from nodes import make_node
    from venue import VENUES, Venue
    from posei_trader.trading.strategy import Strategy

    VENUES["SIM"] = venue = Venue({venue})
    node = make_node(timeout_connection=60.0, timeout_reconciliation=60.0, {settings})

    class Watch(Strategy):
        def on_start(self):
            print("running", flush=True)

        def on_stop(self):
            print("on_stop", flush=True)

    node.trader.add_strategy(Watch())
    client = venue.{client}
    method = client.{method}

    async def announced(*arguments):
        print("phase", flush=True)
        return await method(*arguments)

    client.{method} = announced
    try:
        node.run()
    finally:
        node.dispose()
    print(node.state, flush=True)
"""

PHASES = {
    "connecting": ("data_client", "connect", "connect_delay=60", ""),
    "reconciling": ("exec_client", "generate_mass_status", "is_silent=True", ""),
    "running": ("data_client", "connect", "", ""),
}


def started(phase, **overrides):
    client, method, venue, settings = {**PHASES, **overrides}[phase]
    code = PROGRAM.format(
        here=str(HERE),
        parent=str(HERE.parent),
        client=client,
        method=method,
        venue=venue,
        settings=settings,
    )
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(child, word):
    for line in child.stdout:
        if line.strip() == word:
            return
    raise AssertionError(f"no {word!r}: {child.stderr.read()}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("phase", list(PHASES))
def test_a_signal_ends_the_node_with_status_zero(phase, number):
    child = started(phase)
    wait_for(child, "running" if phase == "running" else "phase")
    child.send_signal(number)
    out, err = child.communicate(timeout=20)
    assert child.returncode == 0, err
    assert out.splitlines()[-1] == "DISPOSED"
    assert ("on_stop" in out) == (phase == "running")
    assert "Traceback" not in err
    assert signal.Signals(number).name in err


def test_a_second_signal_cuts_the_farewell_short():
    child = started(
        "running",
        running=("exec_client", "disconnect", "disconnect_delay=60", "timeout_disconnection=60.0"),
    )
    wait_for(child, "running")
    child.send_signal(signal.SIGINT)
    wait_for(child, "phase")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert child.returncode == 0, err
    assert "DISPOSED" in out
    assert "the farewell is cut short" in err
