"""Where the credentials are, and above all where they are not: in a real container engine."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from pathlib import Path

import pytest
from gateway_kit.login import PASSWORD, USERNAME

from posei_trader.adapters.ib_docker import errors
from posei_trader.adapters.ib_docker.gateway import DockerizedIBGateway
from posei_trader.adapters.ib_docker.secret_files import escaped, memory_directory

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("cleaned")]


@pytest.fixture
def password(run_id):
    """A password that nothing else on this machine can know."""
    return f"{PASSWORD} {run_id}"


@pytest.fixture(params=["file", "exec"])
async def gateway(request, make_config, password):
    config = make_config(credential_delivery=request.param, right_password=password)
    gateway = DockerizedIBGateway(config)
    await gateway.start_async()
    yield gateway
    await gateway.stop_async()


def read_all_processes(name):
    texts = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is not ours to read
            texts.append((process / name).read_bytes().decode(errors="replace"))
    return texts


def read_processes_of(docker_api, container_id, name):
    rows = docker_api.top(container_id)["Processes"]
    return [Path(f"/proc/{row[1]}/{name}").read_bytes().decode() for row in rows]


def directories_of(instance):
    return list(memory_directory().glob(f"posei-gw-{instance}-*"))


def files_in(directory):
    return list(Path(directory).iterdir())


def assert_secret_free(text, where, password):
    for form in (password, escaped(password), password.encode().hex()):
        assert form not in text, f"the password is in {where}"


async def test_the_password_is_nowhere_the_engine_shows(gateway, docker_api, password):
    details = docker_api.inspect_container(gateway.container.id)
    assert_secret_free(json.dumps(details, ensure_ascii=False), "docker inspect", password)
    assert_secret_free(docker_api.logs(gateway.container.id).decode(), "docker logs", password)
    changed = docker_api.diff(gateway.container.id) or []
    assert all("config.ini" not in change["Path"] for change in changed)


@pytest.mark.parametrize("name", ["cmdline", "environ"])
async def test_no_process_of_the_container_carries_the_password(
    gateway, docker_api, name, password
):
    texts = read_processes_of(docker_api, gateway.container.id, name)
    assert len(texts) >= 2, "the init process and the stub"
    assert any("stub_gateway" in text or "TRADING_MODE" in text for text in texts)
    for text in texts:
        assert_secret_free(text, f"/proc/*/{name}", password)


@pytest.mark.parametrize("name", ["cmdline", "environ"])
async def test_no_process_of_this_machine_shows_the_password(gateway, name, password):
    for text in await asyncio.to_thread(read_all_processes, name):
        assert_secret_free(text, f"/proc/*/{name}", password)


async def test_the_secret_files_are_wiped_once_the_gateway_is_ready(gateway, docker_api):
    directory = gateway.config.profile.secrets_dir
    command = ["/bin/sh", "-c", f"for f in {directory}/*; do [ -s $f ] && echo $f; done; true"]
    execution = docker_api.exec_create(gateway.container.id, command)["Id"]
    assert docker_api.exec_start(execution) == b""
    mounts = docker_api.inspect_container(gateway.container.id)["Mounts"]
    for mount in mounts:
        assert files_in(mount["Source"]) == []


async def test_nothing_is_left_on_this_host_after_the_stop(gateway):
    await gateway.stop_async()
    assert directories_of(gateway.config.instance_name) == []


async def test_our_own_logs_and_errors_are_free_of_secrets(make_config, caplog):
    caplog.set_level(logging.DEBUG)
    gateway = DockerizedIBGateway(make_config("leaky"))
    await gateway.start_async()
    shown = gateway.container.logs()
    await gateway.stop_async()
    assert "IBC: IbPassword=" in shown
    assert "DU1234567" not in shown
    assert "1BNDHFSC1G8" not in shown
    for text in (shown, caplog.text, repr(gateway), repr(gateway.config)):
        assert_secret_free(text, "our own output", PASSWORD)
        assert USERNAME not in text


async def test_the_evidence_of_a_failure_is_free_of_secrets(make_config):
    gateway = DockerizedIBGateway(
        make_config("leaky", timeout=1, stop_grace=1, environment={"STUB_API_DELAY": "30"})
    )
    with pytest.raises(errors.StartTimeout) as caught:
        await gateway.start_async()
    text = f"{caught.value}{caught.value!r}{caught.value.diagnosis!r}"
    assert "IBC: IbPassword=" in text
    assert_secret_free(text, "an error", PASSWORD)
    assert USERNAME not in text


async def test_a_password_with_every_kind_of_character_arrives_unchanged(make_config):
    # The stub compares the hash of what it reads as Java does with the hash of this password.
    gateway = DockerizedIBGateway(make_config())
    await gateway.start_async()
    assert gateway.is_ready()
    await gateway.stop_async()


async def test_vnc_gets_a_password_of_its_own_and_a_loopback_port(
    make_config, docker_api, unused_tcp_port
):
    gateway = DockerizedIBGateway(make_config(vnc_port=unused_tcp_port))
    await gateway.start_async()
    details = docker_api.inspect_container(gateway.container.id)
    await gateway.stop_async()
    assert len(gateway.vnc_password) == 8
    assert gateway.vnc_password not in json.dumps(details)
    assert details["HostConfig"]["PortBindings"]["5900/tcp"] == [
        {"HostIp": "127.0.0.1", "HostPort": str(unused_tcp_port)}
    ]


async def test_the_limits_and_the_hardening_reach_the_engine(make_config, docker_api):
    gateway = DockerizedIBGateway(make_config(hardened=True, cpus=1.5, pids_limit=99))
    await gateway.start_async()
    host = docker_api.inspect_container(gateway.container.id)["HostConfig"]
    await gateway.stop_async()
    assert host["Memory"] == 1024 * 1024 * 1024
    assert host["NanoCpus"] == 1_500_000_000
    assert host["PidsLimit"] == 99
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["RestartPolicy"]["Name"] in {"", "no"}
    assert [binding[0]["HostIp"] for binding in host["PortBindings"].values()] == ["127.0.0.1"]
