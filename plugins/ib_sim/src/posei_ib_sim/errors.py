"""Errors of the simulator, split by what the caller should do.

SimulationError
+-- ConfigurationError      fix the configuration; the field, its value and the remedy are named
|   +-- ReplayFileError     fix the data file; file, row, column and remedy are named
+-- UnknownContract         ask for a contract that exists (IB error 200, nothing found)
+-- AmbiguousContract       say more about the contract (IB error 200, several found)
+-- RequestRefused          what IB answers with an error code; carries code and text
"""

from __future__ import annotations

from typing import final


class SimulationError(Exception):
    """Base of every error that the simulator raises on purpose."""


class ConfigurationError(SimulationError, ValueError):
    """A setting that cannot be used; the message names field, value and remedy."""


@final
class ReplayFileError(ConfigurationError):
    """A data file that cannot be replayed.

    Attributes:
        path: The file.
        problem: What is wrong, in words.
        row: The 1-based data row (the header is row 0), or `None` when the whole file is meant.
        column: The column, or `None` when no single column is meant.
        remedy: What the user can do about it.
    """

    def __init__(
        self,
        path: str,
        problem: str,
        *,
        remedy: str,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        where = f"replay file {path}"
        if row is not None:
            where += f", row {row}"
        if column is not None:
            where += f", column {column!r}"
        super().__init__(f"{where}: {problem}. {remedy}")
        self.path = path
        self.problem = problem
        self.row = row
        self.column = column
        self.remedy = remedy


@final
class UnknownContract(SimulationError):  # noqa: N818 - says what happened
    """No contract matches a query."""


@final
class AmbiguousContract(SimulationError):  # noqa: N818 - says what happened
    """Several contracts match a query that must name exactly one."""


@final
class RequestRefused(SimulationError):  # noqa: N818 - says what happened
    """A request that IB answers with an error code.

    Attributes:
        code: IB's error code.
        text: IB's error text.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
