"""Logging: structlog events through standard library handlers, one component a logger.

    log = get_logger("InteractiveBrokersClient")
    log.warning("farm is down", farm="usfarm", code=2103)

Only the logger tree ``posei`` (and ``asyncio``, for what tasks lose) is touched: an application
that embeds a node keeps its own logging. Before `configure_logging`, events go where the
application sends its records. Values that look like secrets are masked in every output, and account
numbers that a venue told of are shortened (see `posei_trader.secrecy`).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self, TextIO, final

from pydantic import SecretBytes, SecretStr

from posei_trader.errors import ConfigError
from posei_trader.secrecy import concealed, looks_secret
from posei_trader.structured import structlog

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from structlog.typing import EventDict, Processor, WrappedLogger

    from posei_trader.config import LoggingConfig, LogLevel

__all__ = ["LogSetup", "Logger", "configure_logging", "get_logger"]

ProcessorFormatter = structlog.stdlib.ProcessorFormatter

Logger = structlog.stdlib.BoundLogger
"""What `get_logger` returns; for annotations."""

_ROOT: Final = "posei"
_TREES: Final = (_ROOT, "asyncio")
_HANDLER_NAME: Final = "posei-trader"
_OFF: Final = logging.CRITICAL + 10
_MASK: Final = "**********"


def get_logger(component: str) -> Logger:
    """Return the logger of a component, named after its class."""
    logger: Logger = structlog.wrap_logger(
        logging.getLogger(f"{_ROOT}.{component}"),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.PositionalArgumentsFormatter(),
            _masked,
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=Logger,
        cache_logger_on_first_use=True,
    )
    return logger


@final
class LogSetup:
    """Logging as it was set up; closing it puts everything back.

    Args:
        file: The file that is written, if any.
        handlers: What was attached.
        levels: The level that each touched logger had before.
    """

    def __init__(
        self, file: Path | None, handlers: list[logging.Handler], levels: Mapping[str, int]
    ) -> None:
        self.file = file
        self._handlers = handlers
        self._levels = levels

    def close(self) -> None:
        """Detach and close the handlers. Idempotent."""
        for tree in _TREES:
            logger = logging.getLogger(tree)
            for handler in self._handlers:
                logger.removeHandler(handler)
            logger.propagate = True
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        for handler in self._handlers:
            handler.close()
        self._handlers = []
        self._levels = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def configure_logging(
    config: LoggingConfig, *, trader_id: str = "posei", console: TextIO | None = None
) -> LogSetup:
    """Send the project's log to the console and, if asked for, to a file.

    A second call replaces what the first one attached.

    Args:
        config: Levels, format and places.
        trader_id: Bound to every event, and part of the file's name.
        console: Where the console output goes; the standard error stream by default.

    Raises:
        ConfigError: the log file cannot be written.
    """
    _detach_previous()
    stream = sys.stderr if console is None else console
    handlers: list[logging.Handler] = [_console(config, stream, trader_id)]
    file = None
    if config.log_level_file is not None:
        handler, file = _file(config, config.log_level_file, trader_id)
        handlers.append(handler)
    levels = _set_levels(config)
    for tree in _TREES:
        logger = logging.getLogger(tree)
        logger.propagate = False
        for handler in handlers:
            logger.addHandler(handler)
    return LogSetup(file, handlers, levels)


def _detach_previous() -> None:
    for tree in _TREES:
        logger = logging.getLogger(tree)
        for handler in [one for one in logger.handlers if one.name == _HANDLER_NAME]:
            logger.removeHandler(handler)
            handler.close()


def _set_levels(config: LoggingConfig) -> dict[str, int]:
    """Let through at each logger what any handler wants; return the levels as they were."""
    lowest = min(_number(config.log_level), _number(config.log_level_file or "OFF"))
    wanted = {_ROOT: lowest, "asyncio": max(lowest, logging.WARNING)}
    for component, level in config.log_component_levels.items():
        wanted[f"{_ROOT}.{component}"] = _number(level)
    before = {name: logging.getLogger(name).level for name in wanted}
    for name, number in wanted.items():
        logging.getLogger(name).setLevel(number)
    return before


def _number(level: LogLevel) -> int:
    return _OFF if level == "OFF" else logging.getLevelNamesMapping()[level]


def _console(config: LoggingConfig, stream: TextIO, trader_id: str) -> logging.Handler:
    colors = stream.isatty() if config.log_colors is None else config.log_colors
    handler = logging.StreamHandler(stream)
    return _dressed(handler, config, config.log_level, _text_renderer(colors=colors), trader_id)


def _file(config: LoggingConfig, level: LogLevel, trader_id: str) -> tuple[logging.Handler, Path]:
    from logging.handlers import RotatingFileHandler  # noqa: PLC0415 - pickles, queues, sockets

    suffix = "jsonl" if config.log_file_format == "json" else "log"
    started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    path = config.log_directory / (config.log_file_name or f"{trader_id}_{started}.{suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            path,
            maxBytes=config.log_file_max_bytes or 0,
            backupCount=config.log_file_backups,
            encoding="utf-8",
        )
    except OSError as error:
        raise ConfigError(
            "the log file cannot be written",
            field="logging.log_directory",
            value=str(path),
            remedy=f"{error.strerror}: choose another directory",
        ) from error
    renderer = _json_renderer() if config.log_file_format == "json" else _text_renderer()
    return _dressed(handler, config, level, renderer, trader_id), path


def _dressed(
    handler: logging.Handler,
    config: LoggingConfig,
    level: LogLevel,
    renderer: list[Processor],
    trader_id: str,
) -> logging.Handler:
    handler.set_name(_HANDLER_NAME)
    handler.addFilter(_Threshold(_number(level), config.log_component_levels))
    handler.setFormatter(
        _Concealing(
            processors=[
                _Identified(trader_id),
                ProcessorFormatter.remove_processors_meta,
                *renderer,
            ],
            foreign_pre_chain=[_masked],
        )
    )
    return handler


@final
class _Concealing(ProcessorFormatter):
    """Show the short form of account numbers, wherever in a line or a traceback they stand."""

    def format(self, record: logging.LogRecord) -> str:
        return concealed(super().format(record))


@final
class _Threshold(logging.Filter):
    """Let a record pass at its component's level, or else at the handler's."""

    def __init__(self, level: int, components: Mapping[str, LogLevel]) -> None:
        super().__init__()
        self._level = level
        self._components = {name: _number(one) for name, one in components.items()}

    def filter(self, record: logging.LogRecord) -> bool:
        component = record.name.removeprefix(f"{_ROOT}.")
        return record.levelno >= self._components.get(component, self._level)


@final
class _Identified:
    """Add when, how grave, and who: the component and the node."""

    def __init__(self, trader_id: str) -> None:
        self._trader_id = trader_id

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        record: logging.LogRecord = event["_record"]
        moment = datetime.fromtimestamp(record.created, UTC)
        return {
            "timestamp": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "component": record.name.removeprefix(f"{_ROOT}."),
            "trader_id": self._trader_id,
            **event,
        }


def _text_renderer(*, colors: bool = False) -> list[Processor]:
    # Plain tracebacks: the fancy ones print local variables, and those may be secrets.
    return [
        structlog.dev.ConsoleRenderer(
            colors=colors,
            pad_event_to=0,
            sort_keys=False,
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]


def _json_renderer() -> list[Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _masked(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if key != "event":
            event[key] = _safe(key, value)
    return event


def _safe(key: str, value: object) -> object:
    if isinstance(value, SecretStr | SecretBytes):
        return _MASK
    if isinstance(value, Mapping):
        return {name: _safe(str(name), item) for name, item in value.items()}
    if isinstance(value, str):
        return _MASK if looks_secret(key) else concealed(value)
    return value
