"""A real container engine and the test image, for the tests marked `docker`."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
from posei_trader.adapters.ib_docker.engine.docker_engine import DockerEngine
from posei_trader.adapters.ib_docker.errors import GatewayError
from posei_trader.adapters.ib_docker.secret_files import memory_directory

sys.path.insert(0, str(Path(__file__).parent))  # where the tests find their kit

from gateway_kit.login import PASSWORD, USERNAME

_KEEP_IMAGES = 3600.0  # another run, of other sources, may be using them


def pytest_itemcollected(item):
    if item.get_closest_marker("docker"):
        # One engine and one image for all of them: they share a worker under pytest-xdist.
        item.add_marker(pytest.mark.xdist_group("docker"))


@pytest.fixture(scope="session")
def engine():
    """The engine that answers; without one the tests are skipped, or fail where one is required."""
    engine = DockerEngine()
    try:
        engine.info()
    except GatewayError as error:
        reason = f"{error.message} (start one: plugins/ib_docker/tests/engine.sh start)"
        if os.environ.get("POSEI_REQUIRE_DOCKER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with engine:
        yield engine


@pytest.fixture(scope="session")
def docker_api(engine):
    """A client of the package itself, to look at the engine independently of our code."""
    import docker

    with docker.APIClient(base_url=engine.address.url, version="auto", timeout=60) as api:
        yield api


@pytest.fixture(scope="session")
def image(engine, docker_api, tmp_path_factory):
    """The test image, built when this engine does not have it, by one process for all."""
    from gateway_kit.container_image import base_tag, build_base, settings, tag

    base, top = base_tag(), tag()
    with (tmp_path_factory.getbasetemp().parent / "test-image.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if engine.image(top) is None:
            remove_old_images(docker_api, keep={base, top})
            if engine.image(base) is None:
                repository, _, version = base.rpartition(":")
                docker_api.import_image_from_data(
                    build_base(), repository=repository, tag=version, changes=settings()
                )
            build_on(docker_api, base, top)
    assert engine.image(top) is not None
    return top


def build_on(docker_api, base, top):
    """Add the stub and the simulated Gateway to the base, run that once, and keep the result."""
    from gateway_kit.container_image import READY, build_top, first_run, settings

    repository, _, version = top.rpartition(":")
    container = docker_api.create_container(base, command=first_run(), user="0")["Id"]
    try:
        docker_api.put_archive(container, "/", build_top())
        docker_api.start(container)
        # A simulator that is broken ends by itself: the tests that trade with it will tell why.
        for chunk in docker_api.logs(container, stream=True, follow=True):
            if READY in chunk:
                docker_api.stop(container)
        docker_api.commit(container, repository=repository, tag=version, changes=settings())
    finally:
        docker_api.remove_container(container, force=True)


def remove_old_images(docker_api, keep):
    """Remove what earlier versions of the stub and the simulator have left on this engine."""
    import docker

    for image in docker_api.images(filters={"label": "io.posei.test-image=1"}):
        is_recent = image["Created"] > time.time() - _KEEP_IMAGES
        if not (is_recent or keep & set(image["RepoTags"] or ())):
            with suppress(docker.errors.APIError):  # another run of the tests may use it
                docker_api.remove_image(image["Id"])


@pytest.fixture
def run_id():
    return f"t{uuid4().hex[:10]}"


@pytest.fixture
def make_config(image, run_id, tmp_path):
    """Make configurations of the test image: a free port, quick steps, an instance of its own."""

    def make(scenario="ok", *, environment=None, right_password=PASSWORD, **settings):
        stub = {
            "STUB_SCENARIO": scenario,
            "STUB_PASSWORD_SHA256": hashlib.sha256(right_password.encode()).hexdigest(),
        }
        defaults = {
            "username": USERNAME,
            "password": right_password,
            "container_image": image,
            "pull_policy": "never",
            "instance": run_id,
            "api_port": 0,
            "timeout": 20,
            "stop_grace": 5,
            "probe_interval": 0.05,
            "health_interval": 0.1,
            "memory_mb": 1024,
            "java_heap_mb": 256,
            "state_dir": tmp_path / "state",
            "environment": stub | (environment or {}),
        }
        return DockerizedIBGatewayConfig(**(defaults | settings))

    return make


@pytest.fixture
def cleaned(engine, run_id):
    """Complain about a container or a secret file that a test has left behind, and remove it."""
    yield
    containers = engine.find({"io.posei.instance": run_id})
    for container in containers:
        engine.remove(container.id)
    directories = list(memory_directory().glob(f"posei-gw-{run_id}*"))
    for directory in directories:
        shutil.rmtree(directory)
    assert [container.name for container in containers] == []
    assert directories == []


@pytest.fixture
def settings(make_config, tmp_path):
    """A settings file as a user writes it: everything but the credentials."""

    def write(scenario="ok", **changes):
        config = make_config(scenario, **changes)
        wanted = config.model_fields_set - {"username", "password", "provider"}
        lines = ["[gateway]"]
        for name in sorted(wanted - {"environment"}):
            value = getattr(config, name)
            lines.append(f"{name} = {json.dumps(value, default=str)}")
        lines.append("[gateway.environment]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in config.environment.items()]
        file = tmp_path / "gateway.toml"
        file.write_text("\n".join(lines), "utf-8")
        return str(file)

    return write


@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setenv("TWS_USERNAME", USERNAME)
    monkeypatch.setenv("TWS_PASSWORD", PASSWORD)
