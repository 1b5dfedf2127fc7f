"""The log parser: any cut of the stream gives the same events, and unknown lines give none."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.ib_docker.log_parser import (
    MAX_LINE,
    LineSplitter,
    LogLine,
    LogParser,
    wait_seconds,
)
from posei_trader.adapters.ib_docker.markers import LogKind, marker

# What a line of the image or of IBC looks like, with what it means; written down by hand.
KNOWN_LINES = [
    (".> Starting IBC/IB gateway", LogKind.BOOTING, ""),
    (
        ".> Forking :::4002 onto 0.0.0.0:4004 > trading mode paper",
        LogKind.PORT_FORWARDED,
        "4002 onto 0.0.0.0:4004 > trading mode paper",
    ),
    ("2026-03-02 09:00:01:123 IBC: version: 3.24.1", LogKind.SESSION_STARTING, ""),
    ("IBC: Starting session: will exit if login dialog", LogKind.SESSION_STARTING, ""),
    ("IBC: Re-starting session", LogKind.SESSION_RESUMING, ""),
    ("IBC: Re-login to session", LogKind.SESSION_RESUMING, ""),
    ("autorestart file not found: full authentication", LogKind.FULL_LOGIN, ""),
    ("autorestart file found at /home/x", LogKind.TOKEN_LOGIN, ""),
    (
        "IBC: Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT",
        LogKind.LOGIN_WINDOW,
        "",
    ),
    ("IBC: Setting password", LogKind.PASSWORD_TYPED, ""),
    ("IBC: Login attempt: 2", LogKind.LOGIN_ATTEMPT, "2"),
    ("IBC: Second Factor Authentication initiated", LogKind.TWO_FA_REQUESTED, ""),
    (
        "IBC: Detected dialog entitled: Second Factor Authentication; event=Opened",
        LogKind.TWO_FA_REQUESTED,
        "",
    ),
    ("IBC: Duration since login: 37 seconds", LogKind.TWO_FA_ENDED, "37"),
    (
        "IBC: Re-login after second factor authentication timeout in 5 seconds",
        LogKind.TWO_FA_NEW_PUSH,
        "",
    ),
    (
        "IBC: Re-login after second factor authentication timeout not required",
        LogKind.TWO_FA_HUNG,
        "",
    ),
    (
        "IBC closing because login has not completed after Second Factor Authentication",
        LogKind.TWO_FA_UNFINISHED,
        "",
    ),
    ("IBC: Login has completed", LogKind.LOGGED_IN, ""),
    ("IBC: Read-Only API checkbox is now set to: false", LogKind.READ_ONLY_SET, "false"),
    ("IBC: Auto restart time set to: 11:59 PM", LogKind.AUTO_RESTART_SET, "11:59 PM"),
    ("IBC: Configuration tasks completed", LogKind.CONFIGURED, ""),
    (
        "IBC: detected dialog entitled: Unrecognized Username or Password; event=Opened",
        LogKind.CREDENTIALS_REFUSED,
        "",
    ),
    ("IBC: Login failed", LogKind.LOGIN_FAILED, "Login failed"),
    (
        "IBC: Login error message: Connection to server failed: x",
        LogKind.SERVER_UNREACHABLE,
        "Connection to server failed: x",
    ),
    (
        "Too many failed login attempts. Please wait 9 minutes & 30 seconds",
        LogKind.THROTTLED,
        "Please wait 9 minutes & 30 seconds",
    ),
    (
        "IBC: End this session and let the other session proceed (scenario 2)",
        LogKind.SESSION_SCENARIO,
        "2",
    ),
    ("IBC: detected dialog entitled: Shutdown progress", LogKind.SHUTTING_DOWN, ""),
    ("IBC returned exit status 87", LogKind.EXITED, "87"),
    ("IBC will cold-restart shortly", LogKind.RESTART_PLANNED, "IBC will cold-restart shortly"),
    ("Exiting after error with exit code=1107", LogKind.PROGRAM_ERROR, None),
    (
        "socat[31] E connect(5, AF=2 127.0.0.1:4002, 16): Connection refused",
        LogKind.API_REFUSED,
        "",
    ),
    ("IBC: detected dialog entitled: Login Messages", LogKind.DIALOG_NEEDS_HUMAN, "Login Messages"),
    (".> Received SIGINT or SIGTERM. Shutting down IB Gateway.", LogKind.STOP_REQUESTED, ""),
]


@pytest.mark.parametrize(("line", "kind", "value"), KNOWN_LINES)
def test_a_line_of_the_image_means_what_the_table_says(line, kind, value):
    event = LogParser().parse(LogLine(line))
    assert event is not None
    assert event.kind is kind
    assert value is None or event.value == value


@pytest.mark.parametrize(("line", "kind", "_value"), KNOWN_LINES)
def test_the_case_of_a_line_does_not_matter(line, kind, _value):
    event = LogParser().parse(LogLine(line.upper()))
    assert event is not None
    assert event.kind is kind


@pytest.mark.parametrize(
    "line",
    [
        "",
        "IBC: detected frame entitled: Starting application...; event=Closed",
        "java.lang.NullPointerException",
        "IBC: Setting user name",
        "2026-03-02 09:00:01:123 IBC: Click button: Paper Log In",
    ],
)
def test_a_line_that_no_marker_knows_gives_no_event(line):
    assert LogParser().parse(LogLine(line)) is None


def test_the_time_stamp_of_docker_is_taken_off_and_kept():
    events = LogParser().parse_all(b"2026-03-02T09:00:01.123456789Z IBC: Login has completed\n")
    assert [event.stamp for event in events] == ["2026-03-02T09:00:01.123456789Z"]
    assert events[0].line == "IBC: Login has completed"


def test_the_time_of_ibc_itself_is_not_mistaken_for_a_stamp():
    (event,) = LogParser().parse_all("2026-03-02 09:00:01:123 IBC: Login has completed\r\n")
    assert event.stamp is None


def test_markers_can_be_added_by_the_user():
    own = marker(LogKind.LOGGED_IN, r"welcome, trader")
    assert LogParser([own]).parse_all("Welcome, trader!")[0].kind is LogKind.LOGGED_IN


def test_a_line_without_end_is_cut_and_does_not_grow_for_ever():
    splitter = LineSplitter()
    for _ in range(100):
        assert list(splitter.feed(b"x" * 1000)) == []
    (line,) = splitter.feed(b"\nIBC")
    assert len(line.text) == MAX_LINE
    assert [rest.text for rest in splitter.close()] == ["IBC"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please wait 9 minutes & 30 seconds", 570),
        ("Please wait 1 minute", 60),
        ("Please wait 0 minutes & 45 seconds.", 45),
        ("", 900),
    ],
)
def test_the_wait_that_ib_asks_for_is_read(text, seconds):
    assert wait_seconds(text) == seconds


log_bytes = st.lists(
    st.one_of(
        st.sampled_from([line.encode() for line, _, _ in KNOWN_LINES]),
        st.binary(max_size=30),
        st.text(max_size=30).map(lambda text: text.encode(errors="surrogatepass")),
        st.sampled_from([b"\r", b"\xf0\x9f", b"x" * (MAX_LINE - 1), b"2026-03-02T09:00:01.1Z "]),
    ),
    max_size=12,
).map(b"\n".join)


@given(log=log_bytes, cuts=st.lists(st.integers(0, 20_000), max_size=8))
def test_wherever_the_stream_is_cut_the_lines_are_the_same(log, cuts):
    whole = LineSplitter()
    expected = [*whole.feed(log), *whole.close()]
    pieces = LineSplitter()
    edges = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
    found = [line for start, stop in pairwise(edges) for line in pieces.feed(log[start:stop])]
    assert [*found, *pieces.close()] == expected


@given(log=st.binary(max_size=400))
def test_no_input_makes_the_parser_raise(log):
    for event in LogParser().parse_all(log):
        assert isinstance(event.kind, LogKind)
