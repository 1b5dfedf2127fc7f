"""The parts of the engine seam that need no engine: addresses, progress, error texts, JSON."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.ib_docker import errors
from posei_trader.adapters.ib_docker.engine.docker_engine import DockerEngine
from posei_trader.adapters.ib_docker.engine.json_shapes import container_facts, image_facts
from posei_trader.adapters.ib_docker.engine.locate import locate
from posei_trader.adapters.ib_docker.engine.pulling import PullMeter
from posei_trader.adapters.ib_docker.engine.seam import Address
from posei_trader.adapters.ib_docker.engine.translation import classify, unavailable


@pytest.mark.parametrize(
    ("asked", "environment", "context", "there", "expected"),
    [
        ("tcp://far:2376", {"DOCKER_HOST": "unix:///x"}, None, (), "tcp://far:2376"),
        (None, {"DOCKER_HOST": "unix:///x"}, "unix:///y", (), "unix:///x"),
        (None, {}, "unix:///y", ("/var/run/docker.sock",), "unix:///y"),
        (None, {}, "unix:///var/run/docker.sock", ("/var/run/docker.sock",), None),
        (None, {"XDG_RUNTIME_DIR": "/r"}, None, ("/r/docker.sock",), "unix:///r/docker.sock"),
        (
            None,
            {"XDG_RUNTIME_DIR": "/r"},
            "http+unix:///var/run/docker.sock",
            ("/r/podman/podman.sock",),
            "unix:///r/podman/podman.sock",
        ),
        (None, {}, None, ("/run/podman/podman.sock",), "unix:///run/podman/podman.sock"),
        (None, {}, None, (), None),
    ],
)
def test_the_engine_is_looked_for_in_a_fixed_order(asked, environment, context, there, expected):
    found = locate(asked, environment, lambda: context, lambda path: path in there)
    assert found.url == (expected or "unix:///var/run/docker.sock")


@pytest.mark.parametrize(
    ("url", "local", "host"),
    [
        ("unix:///var/run/docker.sock", True, "127.0.0.1"),
        ("tcp://box.example:2376", False, "box.example"),
        ("ssh://me@box.example", False, "box.example"),
    ],
)
def test_an_engine_on_another_machine_is_known_by_its_address(url, local, host):
    found = locate(url, {}, lambda: None, lambda _path: True)
    assert (found.is_local, found.published_host) == (local, host)


# Texts as docker 20.10 and podman 4.3 wrote them.
@pytest.mark.parametrize(
    ("text", "pulling", "kind"),
    [
        (
            "driver failed: Bind for 127.0.0.1:4002 failed: port is already allocated",
            False,
            errors.PortInUse,
        ),
        ("listen tcp4 127.0.0.1:4002: bind: address already in use", False, errors.PortInUse),
        (
            "cannot listen on the TCP port: listen tcp4 :4002: bind: address already in use",
            False,
            errors.PortInUse,
        ),
        (
            'Conflict. The container name "/x" is already in use by container "abc".',
            False,
            errors.NameInUse,
        ),
        ("the container name x is already in use", False, errors.NameInUse),
        ("manifest unknown: manifest unknown", True, errors.ImageNotFound),
        (
            "pull access denied for x, repository does not exist or may require 'docker login'",
            True,
            errors.ImageNotFound,
        ),
        ("dial tcp: lookup ghcr.io: no such host", True, errors.PullFailed),
        ("unauthorized: authentication required", True, errors.PullFailed),
        ("write /var/lib: no space left on device", True, errors.PullFailed),
        ("no matching manifest for linux/arm64/v8", True, errors.PlatformMismatch),
        ("something new", True, errors.PullFailed),
        ("something new", False, errors.EngineRefused),
        ("read: connection refused", False, errors.EngineRefused),
    ],
)
def test_an_engine_text_has_one_class(text, pulling, kind):
    assert classify(text, pulling=pulling)[0] is kind


@pytest.mark.parametrize(
    ("problem", "reason", "remedy"),
    [
        (FileNotFoundError(2, "No such file or directory"), "nothing listens", "start Docker"),
        (PermissionError(13, "Permission denied"), "may not talk to it", "group 'docker'"),
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens", "start Docker"),
        (ImportError("Install paramiko package"), "another package", "docker[ssh]"),
        (OSError("odd"), "odd", "start Docker"),
    ],
)
def test_an_engine_that_does_not_answer_comes_with_the_right_remedy(problem, reason, remedy):
    text = str(unavailable("unix:///x", "DOCKER_HOST", problem))
    assert reason in text
    assert remedy in text
    assert "from DOCKER_HOST" in text


def test_a_socket_that_nobody_listens_on_is_reported(tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(path)
    with pytest.raises(errors.EngineUnavailable, match="nothing listens there"):
        DockerEngine(f"unix://{path}").info()


def test_without_the_docker_package_the_error_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(errors.DockerPackageMissing, match=r'pip install "posei_trader\[docker\]"'):
        DockerEngine("unix:///x").info()


PULL = [
    {"status": "Pulling from x", "id": "stable"},
    {"status": "Pulling fs layer", "progressDetail": {}, "id": "a"},
    {"status": "Pulling fs layer", "progressDetail": {}, "id": "b"},
    {"status": "Downloading", "progressDetail": {"current": 40, "total": 100}, "id": "a"},
    {"status": "Downloading", "progressDetail": {"current": 10, "total": 50}, "id": "b"},
    {"status": "Download complete", "progressDetail": {}, "id": "a"},
    {"status": "Extracting", "progressDetail": {"current": 1, "total": 300}, "id": "a"},
    {"status": "Pull complete", "progressDetail": {}, "id": "a"},
    {"status": "Digest: sha256:abc"},
]


def test_the_progress_of_a_pull_is_the_sum_of_its_layers():
    meter = PullMeter("x:stable")
    seen = []
    for event in PULL:
        meter.take(event)
        progress = meter.progress()
        seen.append((progress.current, progress.total, progress.layers, progress.layers_done))
    assert seen == [
        (0, 0, 0, 0),
        (0, 0, 1, 0),
        (0, 0, 2, 0),
        (40, 100, 2, 0),
        (50, 150, 2, 0),
        (110, 150, 2, 1),
        (110, 150, 2, 1),
        (110, 150, 2, 1),
        (110, 150, 2, 1),
    ]
    assert meter.progress().status == "Digest: sha256:abc"


@given(
    st.lists(
        st.fixed_dictionaries(
            {"status": st.sampled_from([event["status"] for event in PULL])},
            optional={
                "id": st.sampled_from(["a", "b"]),
                "progressDetail": st.fixed_dictionaries(
                    {}, optional={"current": st.integers(0, 99), "total": st.integers(0, 99)}
                ),
                "error": st.just("broken"),
            },
        )
        | st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=5), max_size=3),
        max_size=30,
    )
)
def test_progress_never_goes_back_whatever_an_engine_says(events):
    meter = PullMeter("x")
    before = 0
    for event in events:
        assert meter.take(event).error in {None, "broken", event.get("error")}
        progress = meter.progress()
        assert 0 <= progress.layers_done <= progress.layers
        assert progress.total >= 0
        before = max(before, progress.layers)
        assert progress.layers >= before


def test_the_facts_of_a_container_are_read_from_docker_s_answer():
    facts = container_facts(
        {
            "Id": "abc",
            "Name": "/posei-ib-gateway-paper",
            "Image": "sha256:1",
            "RestartCount": 2,
            "State": {
                "Status": "exited",
                "Running": False,
                "ExitCode": 137,
                "OOMKilled": True,
                "StartedAt": "2026-03-02T09:00:00.1Z",
            },
            "Config": {"Image": "x:stable", "Labels": None, "User": "1000:1000"},
            "NetworkSettings": {
                "Ports": {
                    "4003/tcp": None,
                    "4004/tcp": [
                        {"HostIp": "127.0.0.1", "HostPort": "32768"},
                        {"HostIp": "::1", "HostPort": "32769"},
                    ],
                }
            },
            "Mounts": [{"Destination": "/run/secrets", "Source": "/run/user/0/x"}],
        }
    )
    assert facts.name == "posei-ib-gateway-paper"
    assert (facts.exit_code, facts.oom_killed, facts.restart_count) == (137, True, 2)
    assert facts.ports == {4004: Address("127.0.0.1", 32768)}
    assert facts.labels == {}
    assert facts.mounts == {"/run/secrets": "/run/user/0/x"}


def test_the_facts_of_an_image_are_read_from_docker_s_answer():
    facts = image_facts(
        {
            "Id": "sha256:1",
            "Architecture": "amd64",
            "RepoDigests": ["x@sha256:2"],
            "Config": {"Cmd": ["/run.sh"], "User": "1000:1000"},
        }
    )
    assert (facts.command, facts.user, facts.digests) == (
        ("/run.sh",),
        "1000:1000",
        ("x@sha256:2",),
    )
    assert image_facts({"Id": "sha256:1", "Config": None}).command == ()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_an_attempt_in_vain_leaves_no_socket_open(tmp_path):
    engine = DockerEngine(f"unix://{tmp_path}/absent.sock")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(errors.EngineUnavailable, match="nothing listens there") as caught:
        engine.info()
    # The traceback, which knows the socket, is still alive here.
    assert caught.value.__cause__ is not None
    assert len(list(Path("/proc/self/fd").iterdir())) == before
