"""The engine seam on a real engine: fetching images, losing the engine, an engine elsewhere."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from gateway_kit.recorder import Recorder
from gateway_kit.registry import Registry
from gateway_kit.socket_proxy import SocketProxy

from posei_trader.adapters.ib_docker import errors
from posei_trader.adapters.ib_docker.engine.docker_engine import DockerEngine
from posei_trader.adapters.ib_docker.gateway import DockerizedIBGateway
from posei_trader.adapters.ib_docker.handshake import shake_hands
from posei_trader.adapters.ib_docker.states import (
    GatewayState,
    HealthLost,
    PullProgress,
    RestartDone,
    StateChanged,
)
from posei_trader.cli.main import main

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("cleaned")]


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def engine_socket(engine):
    if not engine.address.url.startswith("unix://"):
        pytest.skip(f"needs an engine on a Unix socket, this one is at {engine.address.url}")
    return engine.address.url.removeprefix("unix://")


@pytest.fixture
def architecture(engine):
    return {"x86_64": "amd64", "aarch64": "arm64"}[engine.info().architecture]


def fetch(image):
    seen = []
    with DockerEngine() as engine:
        engine.pull(image, None, lambda progress: seen.append(progress) or True)
    return seen


def test_fetching_an_image_reports_its_progress(engine, architecture, docker_api):
    with Registry(architecture=architecture) as registry:
        seen = fetch(registry.image())
        try:
            assert engine.image(registry.image()).architecture == architecture
        finally:
            docker_api.remove_image(registry.image())
    assert all(isinstance(progress, PullProgress) for progress in seen)
    assert (seen[-1].layers, seen[-1].layers_done) == (1, 1)
    assert seen[-1].current == seen[-1].total


def test_a_tag_that_does_not_exist_is_no_failure_of_the_network(engine, architecture):
    with (
        Registry(architecture=architecture) as registry,
        pytest.raises(errors.ImageNotFound, match="manifest unknown"),
    ):
        engine.pull(registry.image("2"), None, lambda _progress: True)


def test_a_registry_that_does_not_answer_is_a_failure_to_fetch(engine, unused_tcp_port):
    with pytest.raises(errors.PullFailed, match="cannot be reached"):
        engine.pull(f"127.0.0.1:{unused_tcp_port}/tiny:1", None, lambda _progress: True)


def test_a_pull_can_be_cancelled_in_the_middle_of_a_layer(engine, architecture):
    gate = threading.Event()
    with Registry(architecture=architecture, gate=gate) as registry:

        def until_half_is_there(progress):
            return progress.current == 0

        with pytest.raises(errors.PullFailed, match="cancelled"):
            engine.pull(registry.image(), None, until_half_is_there)
        gate.set()
        assert engine.image(registry.image()) is None


def test_the_program_fetches_an_image_and_prints_its_digest(
    engine, architecture, docker_api, capsys
):
    with Registry(architecture=architecture) as registry:
        assert main(["gateway", "pull", "--image", registry.image(), "--json"]) == 0
        docker_api.remove_image(registry.image())
        answer = json.loads(capsys.readouterr().out)
        assert answer["image"] == registry.image()
        assert "@sha256:" in answer["digest"]
        absent = ["gateway", "pull", "--image", registry.image("2")]
        assert main(absent) == errors.ImageNotFound.exit_code


async def test_an_image_for_another_processor_is_refused_before_anything_is_created(
    make_config, docker_api, architecture
):
    other = {"amd64": "arm64", "arm64": "amd64"}[architecture]
    with Registry(architecture=other) as registry:
        image = registry.image()
        gateway = DockerizedIBGateway(make_config(container_image=image, pull_policy="missing"))
        with pytest.raises(errors.PlatformMismatch, match=f"for {other}"):
            await gateway.start_async()
        await asyncio.to_thread(docker_api.remove_image, image)


async def test_an_engine_elsewhere_gets_the_password_without_any_file_here(
    make_config, engine_socket, docker_api
):
    proxy = SocketProxy(engine_socket)
    gateway = DockerizedIBGateway(make_config(docker_url=proxy.url))
    await gateway.start_async()
    await shake_hands(gateway.host, gateway.port)
    assert docker_api.inspect_container(gateway.container.id)["Mounts"] == []
    await gateway.stop_async()
    proxy.cut()


async def test_losing_sight_of_the_engine_does_not_end_a_serving_gateway(
    make_config, engine_socket, recorder, docker_api, tmp_path
):
    proxy = SocketProxy(engine_socket, tmp_path / "s")
    config = make_config(docker_url=proxy.url, timeout=5, health_interval=5)
    gateway = DockerizedIBGateway(config, listener=recorder)
    await gateway.start_async()
    proxy.cut()
    assert gateway.is_ready()
    await shake_hands(gateway.host, gateway.port)
    proxy.mend()
    # What happens after the engine is back is seen again.
    docker_api.kill(gateway.container.id, "SIGUSR1")
    await recorder.heard(RestartDone)
    assert recorder.of(HealthLost) == []
    await gateway.stop_async()
    proxy.cut()


async def test_an_engine_that_is_gone_with_its_gateway_is_the_cause_that_is_named(
    make_config, engine_socket, recorder, docker_api, tmp_path
):
    proxy = SocketProxy(engine_socket, tmp_path / "s")
    gateway = DockerizedIBGateway(make_config(docker_url=proxy.url, timeout=1), listener=recorder)
    await gateway.start_async()
    container = gateway.container.id
    proxy.cut()
    docker_api.kill(container)
    failed = await recorder.heard(StateChanged, state=GatewayState.FAILED)
    assert failed.failure.kind is errors.EngineUnavailable
    await gateway.stop_async()  # never raises
    await asyncio.to_thread(docker_api.remove_container, container, force=True)


async def test_a_cancelled_start_ends_a_pull_in_the_engine(
    make_config, architecture, recorder, engine
):
    gate = threading.Event()
    with Registry(architecture=architecture, gate=gate) as registry:
        config = make_config(container_image=registry.image(), pull_policy="always")
        gateway = DockerizedIBGateway(config, listener=recorder)
        starting = asyncio.create_task(gateway.start_async())
        await recorder.heard(PullProgress)
        starting.cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert engine.find({"io.posei.instance": config.instance_name}) == []
