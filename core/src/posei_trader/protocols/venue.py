"""What a venue can be asked without trading: instruments, names, and what must run first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.instruments import Instrument

__all__ = ["Gateway", "InstrumentProvider", "Symbology"]

ContractT = TypeVar("ContractT")


@runtime_checkable
class InstrumentProvider(Protocol):
    """What can be traded at a venue."""

    async def initialize(self) -> None:
        """Load what the configuration asks for. Idempotent; concurrent calls share one run.

        What cannot be found is logged once with candidates and does not stop the rest.

        Raises:
            RetryLater: the venue could not be asked.
        """

    async def load_ids(self, instrument_ids: Iterable[InstrumentId]) -> list[Instrument]:
        """Load several; concurrent, each at most once. Idempotent.

        Raises:
            InstrumentNotFound: some do not exist; names them all. The others are loaded.
            RetryLater: the venue could not be asked.
        """

    async def load(self, instrument_id: InstrumentId) -> Instrument:
        """Load one, or return it when it is loaded. Idempotent.

        Raises:
            InstrumentNotFound: it does not exist; names candidates.
            InstrumentAmbiguous: several fit; names them.
            RetryLater: the venue could not be asked.
        """

    async def load_all(self) -> list[Instrument]:
        """Load everything the venue has, or return it when it is loaded. Idempotent.

        Raises:
            Unsupported: the venue has no end of instruments; nothing was loaded.
            RetryLater: the venue could not be asked; what had come until then stays loaded.
        """

    def find(self, instrument_id: InstrumentId) -> Instrument | None:
        """Return a loaded instrument, or None."""

    def list_all(self) -> list[Instrument]:
        """Return the loaded instruments."""


@runtime_checkable
class Symbology(Protocol[ContractT]):
    """The venue's names and ours, both ways, by rules alone: no I/O, no state, no clock.

    For what identifies a contract, ``to_contract(to_instrument_id(c))`` names `c` again.
    """

    def to_instrument_id(self, contract: ContractT) -> InstrumentId:
        """Return our name of a contract.

        Raises:
            InvalidRequest: no rule fits; names the rules that were tried.
        """

    def to_contract(self, instrument_id: InstrumentId) -> ContractT:
        """Return the venue's name of an instrument.

        Raises:
            InvalidRequest: no rule fits; names the rules that were tried.
        """


@runtime_checkable
class Gateway(Protocol):
    """Something that must be up before a client can connect: a process, a container, a simulator.

    `host` and `port` are known once it is started.
    """

    @property
    def host(self) -> str:
        """Where to connect to."""

    @property
    def port(self) -> int:
        """The port to connect to."""

    async def start_async(self) -> None:
        """Start it, or adopt it when it runs; returns when clients can connect. Idempotent.

        Raises:
            GatewayNotReady: it did not become ready in the configured time.
            AuthenticationFailed: it was refused; starting it again could lock the login.
            MissingDependency: what it runs on is absent; says what to install.
        """

    async def stop_async(self) -> None:
        """Stop it. Idempotent; never raises."""

    def is_ready(self) -> bool:
        """Whether clients can connect now."""
