"""Contract details as IB sends them, for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from posei_trader.adapters.interactive_brokers.common import IBContract, IBContractDetails

if TYPE_CHECKING:
    from collections.abc import Callable

_CONTRACT_FIELDS = set(IBContract.__struct_fields__)


@pytest.fixture
def details() -> Callable[..., IBContractDetails]:
    """Make contract details of fields of both the contract and the details."""

    def make(**fields: Any) -> IBContractDetails:
        contract = {name: fields.pop(name) for name in list(fields) if name in _CONTRACT_FIELDS}
        contract.setdefault("currency", "USD")
        contract.setdefault("conId", 1)
        fields.setdefault("minTick", 0.01)
        fields.setdefault("timeZoneId", "US/Eastern")
        return IBContractDetails(contract=IBContract(**contract), **fields)

    return make
