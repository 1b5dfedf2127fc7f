"""A node whose gateway is not there says where it looked and what came back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest


@pytest.fixture
def closed_port():
    """A port that is taken, so that nobody else gets it, and that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("kind", ["data", "exec"])
def test_an_unreachable_port_is_named_with_what_the_system_said(tmp_path, closed_port, kind):
    file = tmp_path / "node.toml"
    file.write_text(
        f"""
        timeout_connection = 0.5
        [{kind}_clients.IB]
        provider = "ib"
        ibg_host = "127.0.0.1"
        ibg_port = {closed_port}
        ibg_client_id = 7
        """
    )
    done = subprocess.run(
        [sys.executable, "-m", "posei_trader", "run", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "POSEI_PLUGINS": "ib"},
    )
    block = done.stderr[done.stderr.index("error: ") :]
    assert done.returncode == 3
    assert f"{kind} client IB did not connect within timeout_connection (0.5 s)" in block
    assert "Connection refused" in block
    assert "field:  ibg_host, ibg_port" in block
    assert f"value:  '127.0.0.1:{closed_port}'" in block
    assert "remedy: start TWS or IB Gateway" in block
    assert "Traceback" not in done.stderr
