"""The life of a gateway in a real container engine: the good days and the bad ones."""

from __future__ import annotations

import asyncio
import socket

import pytest
from gateway_kit.recorder import Recorder

from posei_trader.adapters.ib_docker import errors
from posei_trader.adapters.ib_docker.gateway import DockerizedIBGateway
from posei_trader.adapters.ib_docker.handshake import HandshakeFailed, shake_hands
from posei_trader.adapters.ib_docker.states import (
    FullLoginNeeded,
    GatewayState,
    RestartBegan,
    RestartDone,
    StateChanged,
    TwoFactorRequested,
)
from posei_trader.errors import AuthenticationFailed, InvalidRequest
from posei_trader.protocols import Gateway

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("cleaned")]


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
async def make_gateway(make_config, engine, recorder):
    made = []

    def make(scenario="ok", **settings):
        gateway = DockerizedIBGateway(make_config(scenario, **settings), listener=recorder)
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        await gateway.stop_async(adopted=True)


def test_the_example_of_the_documentation_runs_as_written(make_config, engine):
    gateway = DockerizedIBGateway(config=make_config())
    gateway.start()
    assert gateway.is_logged_in(gateway.container)
    assert "Login has completed" in gateway.container.logs()
    assert gateway.is_ready()
    assert gateway.container_status is GatewayState.READY
    gateway.start()
    container = gateway.container
    gateway.stop()
    gateway.stop()
    assert container.status == "removed"
    assert not gateway.is_ready()


def test_a_with_block_starts_and_stops(make_config):
    with DockerizedIBGateway(make_config()) as gateway:
        container = gateway.container
        assert container.status == "running"
    assert container.status == "removed"


async def test_the_way_up_is_told_step_by_step_and_ends_ready(make_gateway, recorder):
    gateway = make_gateway()
    assert isinstance(gateway, Gateway)
    await gateway.start_async()
    assert gateway.is_ready()
    assert recorder.states == [
        "created",
        "booting",
        "login",
        "configuring",
        "probing",
        "ready",
    ]
    answer = await shake_hands(gateway.host, gateway.port)
    assert answer.server_version == 187
    assert gateway.host == "127.0.0.1"


async def test_concurrent_starts_share_one_container(make_gateway, engine):
    gateway = make_gateway()
    await asyncio.gather(*(gateway.start_async() for _ in range(3)))
    assert len(engine.find({"io.posei.instance": gateway.config.instance_name})) == 1


async def test_blocking_calls_refuse_to_block_a_running_loop(make_gateway):
    with pytest.raises(InvalidRequest, match="start_async"):
        make_gateway().start()


async def test_an_open_port_is_not_taken_for_a_gateway(make_gateway, recorder):
    gateway = make_gateway(environment={"STUB_API_DELAY": "0.5"})
    starting = asyncio.create_task(gateway.start_async())
    await recorder.heard(StateChanged, state=GatewayState.PROBING)
    # The published port has been open since the container started.
    _, writer = await asyncio.open_connection(gateway.host, gateway.port)
    writer.close()
    with pytest.raises(HandshakeFailed):
        await shake_hands(gateway.host, gateway.port)
    assert not gateway.is_ready()
    await starting
    assert gateway.is_ready()


async def test_the_second_factor_is_waited_for_beyond_the_timeout(
    make_gateway, recorder, docker_api
):
    gateway = make_gateway("two_fa", timeout=1.5)
    starting = asyncio.create_task(gateway.start_async())
    request = await recorder.heard(TwoFactorRequested)
    assert request.seconds == 180
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(starting), 2)
    docker_api.kill(gateway.container.id, signal="SIGHUP")
    await starting
    assert gateway.is_ready()


async def test_a_second_factor_that_nobody_confirms_has_its_own_error(make_gateway, engine):
    gateway = make_gateway("two_fa", environment={"STUB_TWO_FA_SECONDS": "0.1"})
    with pytest.raises(errors.TwoFactorTimeout):
        await gateway.start_async()
    assert engine.find({"io.posei.instance": gateway.config.instance_name}) == []


async def test_a_wrong_password_stops_the_container_after_one_attempt(
    make_gateway, make_config, engine
):
    gateway = make_gateway(password="wrong horse")
    with pytest.raises(errors.BadCredentials) as caught:
        await gateway.start_async()
    assert isinstance(caught.value, AuthenticationFailed)
    attempts = [line for line in caught.value.diagnosis.log_tail if "Login attempt" in line]
    assert len(attempts) == 1
    assert engine.find({"io.posei.instance": gateway.config.instance_name}) == []
    with pytest.raises(errors.LoginBlocked, match="bad_credentials"):
        await gateway.start_async()
    # Other credentials are another matter.
    right = DockerizedIBGateway(make_config())
    await right.start_async()
    await right.stop_async()


async def test_force_tries_refused_credentials_once_more(make_config):
    gateway = DockerizedIBGateway(make_config(password="wrong horse"))
    for force in (False, True):
        with pytest.raises(errors.BadCredentials):
            await asyncio.to_thread(gateway.start, force=force)


async def test_the_endless_login_loop_inside_the_container_is_broken(make_gateway, engine):
    gateway = make_gateway("login_failed")
    with pytest.raises(errors.LoginRefused) as caught:
        await gateway.start_async()
    assert sum("Login failed" in line for line in caught.value.diagnosis.log_tail) < 50
    assert engine.find({"io.posei.instance": gateway.config.instance_name}) == []


async def test_the_wait_that_ib_asks_for_is_kept(make_gateway):
    gateway = make_gateway("throttled", login_block=1)
    with pytest.raises(errors.TooManyAttempts) as caught:
        await gateway.start_async()
    assert caught.value.retry_after == 100
    with pytest.raises(errors.LoginBlocked) as blocked:
        await gateway.start_async()
    assert 90 < blocked.value.retry_after <= 100


@pytest.mark.parametrize(
    ("action", "cause"),
    [("primary", None), ("secondary", errors.ExistingSession), ("manual", errors.ExistingSession)],
)
async def test_an_existing_session_ends_or_ours_does(make_gateway, action, cause):
    gateway = make_gateway("existing_session", existing_session=action)
    if cause is None:
        await gateway.start_async()
    else:
        with pytest.raises(cause):
            await gateway.start_async()


async def test_the_daily_restart_inside_the_container_is_waited_for(
    make_gateway, recorder, docker_api
):
    gateway = make_gateway()
    await gateway.start_async()
    docker_api.kill(gateway.container.id, signal="SIGUSR1")
    await recorder.heard(RestartBegan)
    assert not gateway.is_ready()
    await recorder.heard(RestartDone)
    assert gateway.is_ready()
    assert gateway.is_logged_in(gateway.container)
    assert recorder.of(FullLoginNeeded) == []
    assert docker_api.inspect_container(gateway.container.id)["RestartCount"] == 0


async def test_a_rejected_session_leads_to_one_full_login(make_gateway, recorder, docker_api):
    gateway = make_gateway()
    await gateway.start_async()
    docker_api.kill(gateway.container.id, signal="SIGUSR2")
    await recorder.heard(FullLoginNeeded)
    await recorder.heard(RestartDone)
    assert gateway.is_ready()
    assert "autorestart file not found" in gateway.container.logs()
    await shake_hands(gateway.host, gateway.port)


async def test_a_crash_is_healed_once_and_then_reported(make_gateway, recorder, docker_api):
    gateway = make_gateway(crash_restarts=1)
    await gateway.start_async()
    docker_api.kill(gateway.container.id, signal="SIGALRM")
    await recorder.heard(RestartDone)
    assert gateway.is_ready()
    await shake_hands(gateway.host, gateway.port)
    docker_api.kill(gateway.container.id, signal="SIGALRM")
    failed = await recorder.heard(StateChanged, state=GatewayState.FAILED, count=2)
    assert failed.failure.kind is errors.Crashed
    assert "exit code=1100" in failed.failure.message


async def test_a_killed_container_is_told_apart_from_a_crash(make_gateway, recorder, docker_api):
    gateway = make_gateway(crash_restarts=0)
    await gateway.start_async()
    docker_api.kill(gateway.container.id, signal="SIGKILL")
    failed = await recorder.heard(StateChanged, state=GatewayState.FAILED)
    assert failed.failure.kind is errors.Killed


async def test_a_container_that_ends_at_boot_is_reported_with_its_last_words(make_gateway, engine):
    gateway = make_gateway("crash_at_boot")
    with pytest.raises(errors.Crashed, match="exit code=1100") as caught:
        await gateway.start_async()
    assert caught.value.diagnosis.container["exit code"] == "76"
    assert engine.find({"io.posei.instance": gateway.config.instance_name}) == []


async def test_a_stop_by_somebody_else_is_respected(make_gateway, recorder, docker_api):
    gateway = make_gateway()
    await gateway.start_async()
    await asyncio.to_thread(docker_api.stop, gateway.container.id)
    failed = await recorder.heard(StateChanged, state=GatewayState.FAILED)
    assert failed.failure.kind is errors.StoppedElsewhere


async def test_a_removal_by_somebody_else_is_noticed(make_gateway, recorder, docker_api):
    gateway = make_gateway()
    await gateway.start_async()
    await asyncio.to_thread(docker_api.remove_container, gateway.container.id, force=True)
    failed = await recorder.heard(StateChanged, state=GatewayState.FAILED)
    assert failed.failure.kind in {errors.StoppedElsewhere, errors.Killed}


async def test_an_api_that_stalls_is_degraded_until_it_answers(make_gateway, recorder, docker_api):
    gateway = make_gateway(handshake_timeout=0.2)
    await gateway.start_async()
    docker_api.pause(gateway.container.id)
    await recorder.heard(StateChanged, state=GatewayState.DEGRADED)
    docker_api.unpause(gateway.container.id)
    await recorder.heard(StateChanged, state=GatewayState.READY, count=2)


async def test_an_api_that_stays_silent_is_restarted(make_gateway, recorder, docker_api):
    gateway = make_gateway(handshake_timeout=0.2, timeout=2)
    await gateway.start_async()
    docker_api.kill(gateway.container.id, signal="SIGWINCH")
    lost = await recorder.heard(StateChanged, state=GatewayState.FAILED)
    assert lost.failure.kind is errors.Unresponsive
    await recorder.heard(RestartDone)
    await shake_hands(gateway.host, gateway.port)


@pytest.mark.parametrize("delivery", ["file", "exec"])
async def test_a_restart_by_the_engine_itself_is_followed(
    make_gateway, recorder, docker_api, delivery
):
    gateway = make_gateway(
        restart_policy="on-failure", crash_restarts=0, credential_delivery=delivery
    )
    await gateway.start_async()
    # From inside: an engine does not restart what was signalled through its own interface.
    command = docker_api.exec_create(gateway.container.id, ["/bin/sh", "-c", "kill -ALRM 1"])
    docker_api.exec_start(command["Id"])
    await recorder.heard(RestartDone)
    await shake_hands(gateway.host, gateway.port)
    assert docker_api.inspect_container(gateway.container.id)["RestartCount"] == 1


async def test_a_gateway_that_hangs_is_given_up_with_the_evidence(make_gateway, engine):
    gateway = make_gateway("hang", timeout=1)
    with pytest.raises(errors.StartTimeout) as caught:
        await gateway.start_async()
    diagnosis = caught.value.diagnosis
    assert diagnosis.state == "login"
    assert any("Starting session" in line for line in diagnosis.log_tail)
    assert "last lines of its log" in str(caught.value)
    assert engine.find({"io.posei.instance": gateway.config.instance_name}) == []


async def test_a_failed_container_can_be_kept_to_look_into(make_gateway, engine):
    gateway = make_gateway("hang", timeout=1, leave_running_on_failure=True)
    with pytest.raises(errors.StartTimeout):
        await gateway.start_async()
    (kept,) = engine.find({"io.posei.instance": gateway.config.instance_name})
    assert kept.running


async def test_a_cancelled_start_leaves_nothing_behind(make_gateway, recorder, engine):
    gateway = make_gateway("hang")
    starting = asyncio.create_task(gateway.start_async())
    await recorder.heard(StateChanged, state=GatewayState.LOGIN)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert engine.find({"io.posei.instance": gateway.config.instance_name}) == []


async def test_a_stop_that_the_program_ignores_ends_after_the_grace(make_gateway, engine):
    gateway = make_gateway("ignore_stop", stop_grace=1)
    await gateway.start_async()
    await gateway.stop_async()
    assert engine.find({"io.posei.instance": gateway.config.instance_name}) == []
    assert not gateway.is_ready()


async def test_a_running_instance_is_adopted_and_left_running(make_gateway, make_config, recorder):
    first = make_gateway()
    await first.start_async()
    second = DockerizedIBGateway(make_config())
    async with second:
        assert second.is_adopted
        assert second.is_ready()
        assert second.container.id == first.container.id
        assert second.port == first.port
    await shake_hands(first.host, first.port)


async def test_a_process_that_ended_leaves_a_gateway_that_the_next_one_adopts(make_config):
    await asyncio.to_thread(DockerizedIBGateway(make_config()).start)
    heir = DockerizedIBGateway(make_config())
    await heir.start_async()
    assert heir.is_adopted
    await heir.stop_async(adopted=True)
    assert not heir.is_ready()


@pytest.mark.parametrize("policy", ["error", "adopt", "recreate"])
async def test_other_settings_are_an_error_unless_a_policy_says_otherwise(
    make_gateway, make_config, policy
):
    first = make_gateway()
    await first.start_async()
    container = first.container
    second = make_gateway(read_only_api=False, on_mismatch=policy)
    if policy == "error":
        with pytest.raises(errors.ConfigMismatch, match="READ_ONLY_API: yes there, no wanted"):
            await second.start_async()
        assert container.status == "running"
        return
    await second.start_async()
    assert (second.container.id == container.id) == (policy == "adopt")
    assert container.status == ("running" if policy == "adopt" else "removed")


async def test_another_login_is_another_setting_and_stays_unnamed(make_gateway):
    await make_gateway().start_async()
    other = make_gateway(username="mallory99")
    with pytest.raises(errors.ConfigMismatch, match="another login") as caught:
        await other.start_async()
    assert "mallory99" not in str(caught.value)
    assert "alice4711" not in str(caught.value)


async def test_safe_start_takes_what_runs(make_gateway, make_config):
    first = make_gateway()
    await first.start_async()
    second = DockerizedIBGateway(make_config(read_only_api=False))
    await asyncio.to_thread(second.safe_start)
    assert second.is_adopted
    assert second.container.id == first.container.id


async def test_a_port_that_a_program_has_is_named_with_its_holder(make_gateway, engine):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        gateway = make_gateway(api_port=port)
        with pytest.raises(errors.PortInUse, match=r"the program '\w+' \(process \d+\)"):
            await gateway.start_async()
    assert engine.find({"io.posei.instance": gateway.config.instance_name}) == []


async def test_a_port_that_a_container_has_is_named_with_its_holder(
    make_gateway, make_config, run_id
):
    first = make_gateway()
    await first.start_async()
    second = make_gateway(api_port=first.port, instance=f"{run_id}b")
    with pytest.raises(errors.PortInUse, match=f"the container 'posei-ib-gateway-{run_id}'"):
        await second.start_async()


async def test_a_foreign_container_of_the_same_name_is_never_touched(
    make_gateway, docker_api, image
):
    gateway = make_gateway()
    name = f"posei-ib-gateway-{gateway.config.instance_name}"
    foreign = docker_api.create_container(image, name=name)["Id"]
    try:
        with pytest.raises(errors.NameInUse, match=name):
            await gateway.start_async()
        assert docker_api.inspect_container(foreign)["State"]["Status"] == "created"
    finally:
        docker_api.remove_container(foreign, force=True)


async def test_live_and_paper_run_side_by_side_in_one_container(make_gateway):
    gateway = make_gateway(
        trading_mode="both",
        paper_username="alice-paper",
        paper_password="correct horse\\battery ü",
        paper_api_port=0,
    )
    await gateway.start_async()
    assert gateway.ports.keys() == {"live", "paper"}
    assert gateway.ports["live"] != gateway.ports["paper"]
    for port in gateway.ports.values():
        await shake_hands(gateway.host, port)


async def test_an_image_of_another_family_is_named_instead_of_waited_for(make_gateway):
    # As an image of version 10.25 or older says it, with the profile of the newer ones.
    says = "echo '.> Forking :::4000 onto 0.0.0.0:4002'; sleep 30"
    gateway = make_gateway(command=("/bin/sh", "-c", says), stop_grace=1)
    with pytest.raises(errors.SettingRefused, match="image_profile"):
        await gateway.start_async()


async def test_a_restart_that_is_asked_for_returns_with_the_new_container(make_gateway, recorder):
    gateway = make_gateway()
    await gateway.start_async()
    before = gateway.container.id, gateway.port
    await gateway.restart_async()
    assert gateway.container.id != before[0]
    assert gateway.port == before[1]
    assert len(recorder.of(RestartDone)) == 1
    await shake_hands(gateway.host, gateway.port)


async def test_the_status_can_be_asked_without_having_started_anything(make_gateway, make_config):
    stranger = DockerizedIBGateway(make_config())
    assert (await stranger.status_async()).state == "absent"
    first = make_gateway(auto_restart_time="11:59 PM")
    await first.start_async()
    status = await stranger.status_async()
    assert status.is_ready
    (endpoint,) = status.endpoints
    assert (endpoint.mode, endpoint.port, endpoint.server_version) == ("paper", first.port, 187)
    assert status.read_only_api is True
    assert status.auto_restart == "11:59 PM"
    assert status.next_restart.endswith("T23:59:00Z")


async def test_missing_credentials_are_named_before_anything_is_created(make_gateway, monkeypatch):
    monkeypatch.delenv("TWS_PASSWORD", raising=False)
    with pytest.raises(errors.CredentialsMissing, match="TWS_PASSWORD"):
        await make_gateway(password=None).start_async()


async def test_an_image_that_is_not_there_is_named(make_gateway):
    gateway = make_gateway(container_image="localhost/posei-test/absent:1")
    with pytest.raises(errors.ImageNotFound, match="absent:1"):
        await gateway.start_async()


async def test_a_setting_that_the_image_refuses_is_reported(make_gateway):
    # The tuple replaces the image's command, as a user with an image of his own would.
    gateway = make_gateway(command=("/bin/sh", "-c", "echo '.> Invalid TRADING_MODE: x'; sleep 9"))
    with pytest.raises(errors.SettingRefused, match="Invalid TRADING_MODE"):
        await gateway.start_async()
