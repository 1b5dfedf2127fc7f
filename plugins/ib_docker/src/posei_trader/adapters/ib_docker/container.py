"""The container as users see it: a few facts, and a log without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from posei_trader.adapters.ib_docker.replay import whole_lines

if TYPE_CHECKING:
    from posei_trader.adapters.ib_docker.engine.seam import ContainerEngine
    from posei_trader.adapters.ib_docker.redaction import Redactor


class HasLogs(Protocol):
    """Anything with a log: our container, or one of the `docker` package."""

    def logs(self) -> bytes | str:
        """Return the whole log."""


class GatewayContainer:
    """One container of ours. Methods block."""

    def __init__(
        self, container_id: str, name: str, engine: ContainerEngine, redact: Redactor
    ) -> None:
        self.id = container_id
        self.name = name
        self._engine = engine
        self._redact = redact

    @property
    def status(self) -> str:
        """The engine's word for its state now, such as "running"; "removed" when it is gone."""
        facts = self._engine.inspect(self.id)
        return "removed" if facts is None else facts.status

    def logs(self, *, tail: int | None = None) -> str:
        """Return its log, or the last lines of it: secrets and account numbers taken out.

        Raises:
            EngineUnavailable: The engine does not answer.
            EngineRefused: The container does not exist any more.
        """
        lines = whole_lines(self._engine.logs(self.id, tail=tail))
        return "".join(f"{self._redact(line.text)}\n" for line in lines)

    def raw_logs(self) -> bytes:
        """Return its log for programs to read: stamped by the engine, with all that is secret.

        Raises:
            EngineUnavailable: The engine does not answer.
            EngineRefused: The container does not exist any more.
        """
        return self._engine.logs(self.id)

    def __repr__(self) -> str:
        return f"GatewayContainer(name={self.name!r}, id={self.id[:12]!r})"
