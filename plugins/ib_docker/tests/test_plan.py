"""What a configuration becomes: variables, ports, labels; and what tells two of them apart."""

from __future__ import annotations

import time

import pytest

from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
from posei_trader.adapters.ib_docker.engine.seam import Address, ContainerFacts, ImageFacts
from posei_trader.adapters.ib_docker.local_state import LocalState, RefusedLogin
from posei_trader.adapters.ib_docker.log_parser import LogParser
from posei_trader.adapters.ib_docker.plan import differences, environment, make_plan, ports
from posei_trader.adapters.ib_docker.replay import last_life, whole_lines
from posei_trader.adapters.ib_docker.status import logged_in

IMAGE = ImageFacts("sha256:1", "amd64", ("x@sha256:2",), ("/run.sh",), "1000:1000")


def config(**settings):
    return DockerizedIBGatewayConfig(**({"username": "alice", "password": "wonder!"} | settings))


def plan(settings, *, mounted="/run/user/0/x"):
    return make_plan(
        settings,
        IMAGE,
        credentials="hash",
        owner="host:1",
        mounted_secrets=mounted,
        published=ports(settings),
    )


def facts(made):
    return ContainerFacts(
        id="abc",
        name=made.name,
        status="running",
        running=True,
        exit_code=0,
        error="",
        oom_killed=False,
        started_at="",
        restart_count=0,
        image_id="",
        image=made.image,
        labels=made.labels,
        ports={},
        mounts={},
    )


def test_the_image_is_told_everything_that_it_would_guess_badly():
    variables = environment(config(read_only_api=False, trading_mode="live"))
    assert variables["TRADING_MODE"] == "live"
    assert variables["READ_ONLY_API"] == "no"
    assert variables["EXISTING_SESSION_DETECTED_ACTION"] == "primary"
    assert variables["TWS_USERID"] == "alice"
    assert variables["TWS_PASSWORD_FILE"] == "/run/secrets/tws_password"
    assert variables["IBC_INI"] == "/run/ibc/config.ini"
    assert "TWS_PASSWORD" not in variables
    assert "AUTO_RESTART_TIME" not in variables


def test_several_pushes_need_the_image_to_log_in_again():
    assert environment(config())["RELOGIN_AFTER_TWOFA_TIMEOUT"] == "no"
    several = environment(config(two_fa_pushes=3))
    assert several["RELOGIN_AFTER_TWOFA_TIMEOUT"] == "yes"
    assert several["TWOFA_TIMEOUT_ACTION"] == "restart"


def test_both_logins_hand_over_their_passwords_in_the_same_way():
    both = config(trading_mode="both", paper_username="alice2", paper_password="wonder2")
    variables = environment(both)
    assert variables["TWS_PASSWORD_PAPER_FILE"] == "/run/secrets/tws_password_paper"
    assert variables["TWS_USERID_PAPER"] == "alice2"
    assert ports(both) == {4003: Address("127.0.0.1", 4001), 4004: Address("127.0.0.1", 4002)}


def test_only_loopback_is_published_and_nothing_in_a_network():
    assert ports(config(vnc_port=5901)) == {
        4004: Address("127.0.0.1", 4002),
        5900: Address("127.0.0.1", 5901),
    }
    assert ports(config(network="trading")) == {}


@pytest.mark.parametrize("mounted", ["/run/user/0/x", None])
def test_no_secret_is_part_of_the_plan(mounted):
    assert "wonder!" not in repr(plan(config(), mounted=mounted))


def test_secrets_that_come_later_are_waited_for_before_the_image_s_own_command():
    made = plan(config(), mounted=None)
    assert made.command[:2] == ("/bin/sh", "-c")
    assert made.command[-1] == "/run.sh"
    assert "/run/secrets" in made.memory_directories
    assert made.memory_owner == (1000, 1000)


def test_the_same_settings_make_the_same_container():
    assert differences(config(), "hash", facts(plan(config()))) == {}
    assert differences(config(timeout=5, two_fa_timeout=9), "hash", facts(plan(config()))) == {}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"read_only_api": False}, "READ_ONLY_API"),
        ({"container_image": "x:2"}, "image"),
        ({"api_port": 4100}, "port 4004"),
        ({"memory_mb": 4096}, "limits"),
        ({"two_fa_device": "IB Key"}, "TWOFA_DEVICE"),
        ({"environment": {"START_SCRIPTS": "x"}}, "START_SCRIPTS"),
    ],
)
def test_a_changed_setting_is_named(change, named):
    changed = differences(config(**change), "hash", facts(plan(config())))
    assert changed.keys() == {named}


def test_another_login_is_told_without_naming_it():
    changed = differences(config(username="mallory"), "other", facts(plan(config())))
    assert changed == {"credentials": "another login there"}


def test_a_login_is_recognized_on_this_host_and_on_no_other(tmp_path):
    here, there = LocalState(tmp_path / "here"), LocalState(tmp_path / "there")
    assert here.login_hash(config()) == LocalState(tmp_path / "here").login_hash(config())
    assert here.login_hash(config()) != here.login_hash(config(password="other"))
    assert here.login_hash(config()) != there.login_hash(config())
    for file in (tmp_path / "here").iterdir():
        assert b"wonder!" not in file.read_bytes()


def test_a_refusal_lasts_until_its_time_and_can_be_forgotten(tmp_path):
    state, now = LocalState(tmp_path), time.time()
    login = state.login_hash(config())
    assert state.refused(login, now) is None
    state.remember_refusal(login, RefusedLogin("bad_credentials", now, now + 60))
    assert state.refused(login, now + 59).cause == "bad_credentials"
    assert state.refused(login, now + 61) is None
    state.forget_refusal(login)
    state.forget_refusal(login)
    assert state.refused(login, now) is None


def test_a_damaged_memory_blocks_nobody(tmp_path):
    state = LocalState(tmp_path)
    login = state.login_hash(config())
    state.remember_refusal(login, RefusedLogin("bad_credentials", 0, 1))
    for file in tmp_path.glob("refused-*"):
        file.write_bytes(b"{")
    assert state.refused(login, 0) is None


def test_only_one_at_a_time_may_start_an_instance(tmp_path):
    state = LocalState(tmp_path)
    with state.try_lock("paper") as first, state.try_lock("paper") as second:
        assert (first, second) == (True, False)
        with state.try_lock("live") as other:
            assert other
    with state.try_lock("paper") as again:
        assert again


LIFE = ".> Starting IBC/IB gateway\nIBC: Login failed\nIBC returned exit status 0\n"
NEXT = "autorestart file not found\nIBC: version: 3\nIBC: Login has completed\n"


def test_what_earlier_lives_went_through_is_over():
    lines = whole_lines((LIFE + NEXT).encode())
    markers = config().profile.markers
    kept = last_life(lines, markers)
    assert kept == LogParser(markers).parse_all(NEXT)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (NEXT, True),
        (LIFE + NEXT, True),
        (NEXT + "IBC returned exit status 0\n", False),
        (NEXT + "IBC: version: 3\n", False),
        ("", False),
    ],
)
def test_only_the_last_life_says_whether_the_login_was_completed(log, expected):
    assert logged_in(config(), log) is expected
    assert logged_in(config(), log.encode()) is expected
