"""Events reach the console and the file at their levels, and secrets reach neither."""

import asyncio
import io
import json
import logging

import pytest
from pydantic import SecretStr

from posei_trader import secrecy
from posei_trader.config import LoggingConfig
from posei_trader.errors import ConfigError
from posei_trader.logs import configure_logging, get_logger
from posei_trader.secrecy import conceal, concealed


@pytest.fixture
def console():
    return io.StringIO()


@pytest.fixture
def configured(tmp_path, console):
    setups = []

    def configured(trader_id="T-1", **settings):
        config = LoggingConfig(log_directory=tmp_path / "logs", **settings)
        setups.append(configure_logging(config, trader_id=trader_id, console=console))
        return setups[-1]

    yield configured
    for setup in setups:
        setup.close()


def events(setup):
    return [json.loads(line) for line in setup.file.read_text().splitlines()]


def test_an_event_on_the_console_has_level_component_node_and_details(configured, console):
    configured()
    get_logger("DataEngine").warning("late bar", instrument="SPY.ARCA")
    line = console.getvalue()
    for part in ("[warning", "late bar", "component=DataEngine", "trader_id=T-1", "SPY.ARCA"):
        assert part in line
    assert "\x1b" not in line


def test_positional_arguments_are_filled_in(configured, console):
    configured()
    get_logger("X").info("%s of %s", 1, 2)
    assert "1 of 2" in console.getvalue()


def test_the_console_level_hides_what_is_below(configured, console):
    configured(log_level="WARNING")
    log = get_logger("X")
    log.info("quiet")
    log.warning("loud")
    assert "quiet" not in console.getvalue()
    assert "loud" in console.getvalue()


def test_off_silences_even_what_is_critical(configured, console):
    configured(log_level="OFF")
    get_logger("X").critical("nobody hears")
    assert console.getvalue() == ""


def test_the_file_has_its_own_level_and_one_json_object_a_line(configured, console):
    setup = configured(log_level="ERROR", log_level_file="DEBUG", log_file_format="json")
    get_logger("X").debug("detail", n=1, when=b"raw")
    (event,) = events(setup)
    assert event["event"] == "detail"
    assert event["level"] == "debug"
    assert event["component"] == "X"
    assert event["trader_id"] == "T-1"
    assert event["n"] == 1
    assert event["timestamp"].endswith("Z")
    assert console.getvalue() == ""
    assert setup.file.suffix == ".jsonl"
    assert setup.file.name.startswith("T-1_")


def test_a_component_level_replaces_both_thresholds(configured, console):
    setup = configured(
        log_level="WARNING",
        log_level_file="INFO",
        log_component_levels={"Chatty": "ERROR", "Watched": "DEBUG"},
        log_file_name="node.log",
    )
    get_logger("Chatty").warning("chatter")
    get_logger("Watched").debug("watched")
    get_logger("Other").info("other")
    file = setup.file.read_text()
    assert "chatter" not in file + console.getvalue()
    assert "watched" in file
    assert "watched" in console.getvalue()
    assert "other" in file
    assert "other" not in console.getvalue()
    assert setup.file.name == "node.log"


def test_secrets_are_masked_in_every_output(configured, console):
    setup = configured(log_level_file="DEBUG", log_file_format="json")
    get_logger("X").info(
        "login",
        password="hunter2",
        user=SecretStr("hunter2"),
        nested={"api_key": "hunter2", "deeper": {"token": "hunter2"}},
        passwords=3,
    )
    logging.getLogger("posei.Y").info("plain record")
    assert "hunter2" not in console.getvalue() + setup.file.read_text()
    assert events(setup)[0]["passwords"] == 3


def test_a_traceback_is_complete_and_shows_no_local_variables(configured, console):
    setup = configured(log_level_file="DEBUG", log_file_format="json", log_colors=True)
    password = "hunter2"
    try:
        int("bad tick")
    except ValueError:
        get_logger("X").exception("failed")
    assert password
    for text in (console.getvalue(), events(setup)[0]["exception"]):
        assert "Traceback" in text
        assert "bad tick" in text
        assert "hunter2" not in text.replace('password = "hunter2"', "")
    assert "\x1b" in console.getvalue()


def test_standard_records_and_what_asyncio_loses_are_written_too(configured, console):
    configured()
    logging.getLogger("posei.Registry").error("plugin %s", "x")
    logging.getLogger("asyncio").error("exception was never retrieved")
    logging.getLogger("asyncio").info("selector chatter")
    assert "plugin x" in console.getvalue()
    assert "never retrieved" in console.getvalue()
    assert "chatter" not in console.getvalue()


def test_loggers_of_an_application_are_left_alone(configured, console):
    configured()
    before = logging.getLogger().handlers[:]
    logging.getLogger("somebody.else").warning("not ours")
    assert "not ours" not in console.getvalue()
    assert logging.getLogger().handlers == before


def test_configuring_again_replaces_and_closing_restores(configured, console, caplog):
    configured()
    configured(trader_id="T-2", log_component_levels={"X": "DEBUG"})
    get_logger("X").info("once")
    assert console.getvalue().count("once") == 1
    assert "T-2" in console.getvalue()


def test_closing_puts_everything_back(tmp_path, console, caplog):
    names = ("posei", "posei.X", "asyncio")
    before = {name: logging.getLogger(name).level for name in names}
    config = LoggingConfig(log_component_levels={"X": "DEBUG"}, log_directory=tmp_path)
    with configure_logging(config, console=console) as setup:
        assert setup.file is None
        assert logging.getLogger("posei.X").level == logging.DEBUG
    setup.close()
    assert {name: logging.getLogger(name).level for name in names} == before
    get_logger("X").error("after")
    assert "after" not in console.getvalue()
    assert "after" in caplog.text


def test_a_file_starts_anew_at_its_size(configured, tmp_path):
    setup = configured(
        log_level_file="INFO", log_file_max_bytes=200, log_file_backups=2, log_file_name="n.log"
    )
    for number in range(20):
        get_logger("X").info("event", number=number)
    assert setup.file.stat().st_size <= 200
    found = sorted(path.name for path in setup.file.parent.iterdir())
    assert found == ["n.log", "n.log.1", "n.log.2"]


def test_a_directory_that_cannot_be_written_is_named(tmp_path, console):
    blocker = tmp_path / "file"
    blocker.write_text("")
    config = LoggingConfig(log_level_file="INFO", log_directory=blocker / "logs")
    with pytest.raises(ConfigError) as caught:
        configure_logging(config, console=console)
    assert caught.value.field == "logging.log_directory"
    assert str(blocker) in str(caught.value)


async def test_what_a_task_binds_is_on_its_events_only(configured, console):
    import structlog

    configured()
    log = get_logger("X")

    async def work(name):
        structlog.contextvars.bind_contextvars(task=name)
        log.info("from %s", name)

    await asyncio.gather(work("a"), work("b"))
    lines = console.getvalue().splitlines()
    assert "task=a" in next(line for line in lines if "from a" in line)
    assert "task=b" in next(line for line in lines if "from b" in line)


def test_a_concealed_account_number_is_short_in_every_output(configured, console, monkeypatch):
    monkeypatch.setattr(secrecy, "_concealed", {})  # property tests conceal texts of any form
    conceal("ZU7654321", "ZU..21")
    setup = configured(log_level_file="DEBUG", log_file_format="json")
    log = get_logger("X")
    log.info("an order of ZU7654321", account="ZU7654321", id="EXT-ZU7654321-5")
    logging.getLogger("posei.Y").warning("fill for %s", "ZU7654321")
    log.error("failed", exc_info=ValueError("no such account: ZU7654321"))
    for text in (console.getvalue(), setup.file.read_text()):
        assert "ZU7654321" not in text
        assert "EXT-ZU..21-5" in text
        assert "fill for ZU..21" in text
        assert "no such account: ZU..21" in text


def test_what_is_concealed_is_bounded_and_never_a_short_word(monkeypatch):
    monkeypatch.setattr(secrecy, "_concealed", {})  # what others concealed stays concealed
    for number in range(1_500):
        conceal(f"DX{number:07}", "DX..")
    assert concealed("DX0000001 DX0001499") == "DX0000001 DX.."
    conceal("at", "!")
    assert concealed("at") == "at"
