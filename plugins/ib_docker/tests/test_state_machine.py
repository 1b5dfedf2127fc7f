"""The state machine: scripted logs, and laws that hold for every order of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.ib_docker import errors
from posei_trader.adapters.ib_docker.log_parser import LogEvent, LogParser
from posei_trader.adapters.ib_docker.markers import LogKind
from posei_trader.adapters.ib_docker.state_machine import GatewayMachine, MachineRules
from posei_trader.adapters.ib_docker.states import (
    Advice,
    FullLoginNeeded,
    GatewayState,
    HealthLost,
    RestartBegan,
    RestartDone,
    StateChanged,
    TwoFactorRequested,
)

BOOT = ".> Starting IBC/IB gateway\nautorestart file not found\nIBC: version: 3.24.1\n"
TYPED = (
    "IBC: Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT\n"
    "IBC: Setting password\n"
    "IBC: Login attempt: 1\n"
)
TWO_FA = (
    "IBC: Second Factor Authentication initiated\n"
    "IBC: detected dialog entitled: Second Factor Authentication; event=Opened\n"
)
DONE = "IBC: Login has completed\nIBC: Configuration tasks completed\n"
RESTART = (
    "IBC: detected dialog entitled: Shutdown progress\n"
    "IBC returned exit status 0\n"
    "IBC will restart shortly\n"
    "autorestart file found at x\n"
    "IBC: version: 3.24.1\n"
    "IBC: Re-starting session\n"
)


class Story:
    """Drive a machine through a log, second by second."""

    def __init__(self, **rules):
        self.now = 100.0
        self.machine = GatewayMachine(MachineRules(**rules), self.now)
        self.notices = []
        self._note(self.machine.created(self.now))

    def _note(self, notices):
        self.notices += notices
        return self

    def started(self, **kw):
        return self._note(self.machine.started(self.now, **kw))

    def log(self, text):
        for event in LogParser().parse_all(text):
            self._note(self.machine.log(event, self.now))
        return self

    def probe(self, answered=True, times=1):
        for _ in range(times):
            self._note(self.machine.probe(self.now, answered=answered))
        return self

    def restarting(self):
        return self._note(self.machine.restarting("a restart was asked for", self.now))

    def exited(self, code):
        return self._note(self.machine.exited(code, self.now))

    def wait(self, seconds):
        self.now += seconds
        return self._note(self.machine.tick(self.now))

    def ready(self):
        self.started().log(BOOT + TYPED + DONE).probe()
        assert self.machine.is_ready
        return self

    @property
    def state(self):
        return self.machine.state

    @property
    def cause(self):
        return self.machine.failure.kind if self.machine.failure else None

    def told(self, kind):
        return [notice for notice in self.notices if isinstance(notice, kind)]


def test_the_way_to_ready_passes_every_state_in_order():
    story = Story().started().log(BOOT + TYPED + TWO_FA).wait(5)
    story.log("IBC: Duration since login: 5 seconds\n" + DONE).probe()
    assert [notice.state for notice in story.told(StateChanged)] == [
        GatewayState.CREATED,
        GatewayState.BOOTING,
        GatewayState.LOGIN,
        GatewayState.TWO_FA,
        GatewayState.LOGIN,
        GatewayState.CONFIGURING,
        GatewayState.PROBING,
        GatewayState.READY,
    ]
    assert story.told(TwoFactorRequested) == [TwoFactorRequested("paper", 1, 180.0)]


def test_an_answering_port_before_the_login_means_nothing():
    assert Story().started().log(BOOT).probe().state is GatewayState.LOGIN


def test_a_login_without_a_handshake_is_not_ready():
    story = Story().started().log(BOOT + TYPED + DONE).probe(answered=False)
    assert story.state is GatewayState.PROBING


def test_settings_that_the_log_never_confirms_are_accepted_with_an_advice():
    story = Story().started().log(BOOT + TYPED + "IBC: Login has completed\n").probe()
    assert story.state is GatewayState.CONFIGURING
    story.wait(31).probe()
    assert story.machine.is_ready
    assert "read-only" in story.told(Advice)[-1].text


def test_an_adopted_container_whose_log_was_rotated_away_needs_only_the_handshake():
    assert Story().started(adopted=True).probe().machine.is_ready


def test_the_daily_restart_inside_the_container_is_planned_and_ends_ready():
    story = Story().ready().log(RESTART)
    assert story.state is GatewayState.RESTARTING
    assert not story.machine.logged_in
    story.wait(60).probe(answered=False).log(DONE).probe()
    assert story.machine.is_ready
    assert len(story.told(RestartBegan)) == 1
    assert story.told(RestartDone) == [RestartDone("paper", 60.0)]
    assert story.told(HealthLost) == []


def test_an_old_login_line_says_nothing_after_a_restart():
    story = Story().ready().log(RESTART).probe()
    assert not story.machine.is_ready


def test_an_answer_of_the_old_program_does_not_end_a_restart_that_was_ordered():
    story = Story().ready().restarting().probe()
    assert story.state is GatewayState.RESTARTING
    story.started().log(BOOT + TYPED + DONE).probe()
    assert story.machine.is_ready
    assert len(story.told(RestartDone)) == 1


FORWARDED = ".> Forking :::{} onto 0.0.0.0:{}{}\n"


@pytest.mark.parametrize(
    ("line", "fails"),
    [
        (FORWARDED.format(4002, 4004, " > trading mode paper"), False),
        (FORWARDED.format(4001, 4003, " > trading mode live"), False),
        (FORWARDED.format(4000, 4002, ""), True),
        (FORWARDED.format(7497, 7499, " > trading mode paper"), True),
    ],
)
def test_an_image_that_serves_elsewhere_is_told_apart_at_once(line, fails):
    story = Story(api_port=4004).started().log(line)
    assert story.cause is (errors.SettingRefused if fails else None)
    if fails:
        assert "image_profile" in story.machine.failure.message


def test_a_rejected_token_asks_for_one_full_login_and_fails_at_the_second():
    refused = "IBC: detected dialog entitled: Unrecognized Username or Password\n"
    story = Story().ready().log(RESTART + refused)
    assert story.state is GatewayState.RESTARTING
    assert len(story.told(FullLoginNeeded)) == 1
    story.started().log("autorestart file found at x\nIBC: version: 3.24.1\n" + refused)
    assert story.cause is errors.TokenRejected


def test_the_same_window_on_a_full_login_means_bad_credentials():
    story = Story().started()
    story.log(BOOT + TYPED + "IBC: detected dialog entitled: Unrecognized Username or Password\n")
    assert story.cause is errors.BadCredentials


def test_bad_credentials_after_a_forced_full_login_are_bad_credentials():
    refused = "IBC: detected dialog entitled: Unrecognized Username or Password\n"
    story = Story().ready().log(RESTART + refused).started().log(BOOT + TYPED + refused)
    assert story.cause is errors.BadCredentials


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("IBC: Login failed\n", errors.LoginRefused),
        (
            "IBC: Login error message:\nsome reason\nCold restart in progress\n",
            errors.LoginRefused,
        ),
        ("Connection to server failed: x\n" * 2, errors.ServerUnreachable),
        ("Too many failed login attempts. Please wait 2 minutes\n", errors.TooManyAttempts),
        ("IBC: (scenario 1)\n", errors.ExistingSession),
        ("IBC: (scenario 4)\n", errors.ExistingSession),
        ("You should specify the required second factor device\n", errors.TwoFactorDevice),
        (
            "Re-login after second factor authentication timeout not required\n",
            errors.TwoFactorTimeout,
        ),
        ("IBC returned exit status 83\n", errors.EntryPointMissing),
        ("IBC returned exit status 81\n", errors.SettingRefused),
        ("IBC returned exit status 88\n" * 3, errors.LoginWindowTimeout),
        (".> Invalid TRADING_MODE: x\n", errors.SettingRefused),
    ],
)
def test_each_line_of_trouble_has_its_own_cause(log, cause):
    story = Story().started().log(BOOT + TYPED + log)
    assert story.state is GatewayState.FAILED
    assert story.cause is cause


@pytest.mark.parametrize(
    "log",
    [
        "IBC: Login error message: Connection to server failed: x\nCold restart in progress\n",
        "IBC: (scenario 5)\n",
        "IBC returned exit status 88\nIBC will restart shortly\n",
        "IBC: detected dialog entitled: Newer Version\n",
        "socat[31] E connect(5, AF=2 127.0.0.1:4002, 16): Connection refused\n",
    ],
)
def test_trouble_that_may_pass_is_not_a_failure(log):
    story = Story().started().log(BOOT + TYPED + log)
    assert story.cause is None
    story.log(BOOT + TYPED + DONE).probe()
    assert story.machine.is_ready


def test_the_wait_that_ib_asks_for_travels_with_the_failure():
    story = Story().started().log("Too many failed login attempts. Please wait 2 minutes\n")
    assert story.machine.failure.retry_after == 120.0


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (1, errors.Crashed),
        (83, errors.EntryPointMissing),
        (87, errors.TwoFactorTimeout),
        (88, errors.LoginWindowTimeout),
        (137, errors.Killed),
        (143, errors.StoppedElsewhere),
    ],
)
def test_the_exit_code_of_the_container_names_the_cause(code, cause):
    assert Story().ready().exited(code).cause is cause


def test_the_last_words_of_a_crash_are_part_of_its_message():
    story = Story().started().log("Exiting after error with exit code=1100\n").exited(76)
    assert "exit code=1100" in story.machine.failure.message


def test_a_stop_by_somebody_else_is_told_apart_from_a_crash():
    story = Story().ready().log(".> Received SIGINT or SIGTERM. Shutting down IB Gateway.\n")
    assert story.exited(143).cause is errors.StoppedElsewhere


def test_our_own_stop_is_never_a_failure_whatever_the_exit_code():
    story = Story().ready()
    story.machine.stopping(story.now)
    assert story.exited(1).state is GatewayState.STOPPED
    assert story.cause is None


def test_time_for_the_second_factor_is_not_charged_to_the_timeout():
    story = Story(timeout=60, two_fa_timeout=180).started().log(BOOT + TYPED + TWO_FA)
    story.wait(170).log("IBC: Duration since login: 170 seconds\n")
    assert story.state is GatewayState.LOGIN
    story.wait(59).log(DONE).probe()
    assert story.machine.is_ready


def test_a_second_factor_that_nobody_confirms_fails_with_its_own_cause():
    story = Story(two_fa_timeout=180).started().log(BOOT + TYPED + TWO_FA).wait(300)
    assert story.cause is errors.TwoFactorTimeout


def test_a_second_push_is_announced_and_a_push_too_many_ends_it():
    story = Story(two_fa_pushes=2).started().log(BOOT + TYPED + TWO_FA)
    again = "Re-login after second factor authentication timeout in 5 seconds\n" + TYPED + TWO_FA
    story.log(again)
    assert [notice.push for notice in story.told(TwoFactorRequested)] == [1, 2]
    assert story.log(again).cause is errors.TwoFactorTimeout


def test_the_start_timeout_names_the_state_that_took_so_long():
    story = Story(timeout=60).started().log(BOOT).wait(61)
    assert story.cause is errors.StartTimeout
    assert "'login'" in story.machine.failure.message


def test_a_timeout_with_an_open_window_is_a_case_for_a_human():
    story = Story(timeout=60).started().log(BOOT + "IBC: detected dialog entitled: Login Messages")
    assert story.wait(61).cause is errors.DialogNeedsHuman


def test_an_empty_user_name_is_noticed_by_the_attempt_that_never_comes():
    story = Story().started().log(BOOT + "IBC: Setting password\n").wait(11)
    assert story.cause is errors.CredentialsMissing


def test_health_is_lost_only_after_several_failed_handshakes_and_comes_back():
    story = Story(probe_failures=3).ready().probe(answered=False, times=2)
    assert story.machine.is_ready
    assert story.probe(answered=False).state is GatewayState.DEGRADED
    assert story.told(HealthLost) == [HealthLost("paper", 3)]
    assert story.probe().machine.is_ready


def test_an_api_that_stays_silent_is_unresponsive():
    story = Story(timeout=60).ready().probe(answered=False, times=3).wait(61)
    assert story.cause is errors.Unresponsive


def test_in_a_shared_log_the_lines_of_the_other_gateway_only_raise_doubt():
    story = Story(shared_log=True).ready().log(TYPED)
    assert story.state is GatewayState.DEGRADED
    assert story.probe().machine.is_ready
    refused = "IBC: detected dialog entitled: Unrecognized Username or Password\n"
    assert story.log(refused).cause is errors.BadCredentials


def test_a_failed_gateway_can_be_started_again():
    story = Story().started().log("IBC: Login failed\n")
    assert story.state is GatewayState.FAILED
    story.started().log(BOOT + TYPED + DONE).probe()
    assert story.machine.is_ready
    assert story.machine.failure is None


happenings = st.lists(
    st.one_of(
        st.tuples(st.just("log"), st.sampled_from(list(LogKind))),
        st.tuples(st.just("probe"), st.booleans()),
        st.tuples(st.just("wait"), st.floats(0, 200)),
        st.tuples(st.just("exited"), st.sampled_from([0, 1, 83, 137, 143])),
        st.tuples(st.just("started"), st.booleans()),
        st.tuples(st.just("stopping"), st.none()),
    ),
    max_size=60,
)
VALUES = {LogKind.TWO_FA_ENDED: "20", LogKind.EXITED: "0", LogKind.SESSION_SCENARIO: "3"}


def happen(machine, what, value, now):
    match what:
        case "log":
            return machine.log(LogEvent(value, VALUES.get(value, "x")), now)
        case "probe":
            return machine.probe(now, answered=value)
        case "wait":
            return machine.tick(now)
        case "exited":
            return machine.exited(value, now)
        case "started":
            return machine.started(now, adopted=value)
        case _:
            return machine.stopping(now)


@given(happenings, st.booleans())
def test_whatever_happens_the_laws_of_the_machine_hold(events, shared):
    now = 0.0
    machine = GatewayMachine(MachineRules(shared_log=shared), now)
    seen = machine.state
    adopted = False
    for what, value in events:
        now += value if what == "wait" else 0.0
        before = machine.state
        adopted = value if what == "started" else adopted
        for notice in happen(machine, what, value, now):
            if isinstance(notice, StateChanged):
                assert notice.previous is seen, "changes form one unbroken chain"
                assert notice.state is not seen
                seen = notice.state
        assert machine.state is seen
        assert (machine.state is GatewayState.FAILED) == (machine.failure is not None)
        if machine.is_ready and before is not GatewayState.READY:
            assert (what, value) == ("probe", True), "only a handshake makes it ready"
            assert machine.session.logged_in or adopted or shared
        if before is GatewayState.FAILED and what not in {"started", "stopping"}:
            assert machine.state is GatewayState.FAILED, "only a new start leaves a failure"


@given(happenings)
def test_every_second_is_accounted_for_exactly_once(events):
    now = 0.0
    machine = GatewayMachine(MachineRules(), now)
    for what, value in events:
        now += value if what == "wait" else 0.0
        happen(machine, what, value, now)
    assert sum(machine.watch.per_state.values()) == pytest.approx(now)
    assert machine.watch.charged <= now + 1e-6


def test_every_cause_has_its_own_name_exit_code_and_class():
    kinds = list(errors.CAUSES.values())
    assert len({kind.cause for kind in kinds}) == len(kinds) >= 29
    assert len({kind.exit_code for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert f"{kind.__name__} {kind.exit_code} " in errors.__doc__, "the drawn tree is complete"
