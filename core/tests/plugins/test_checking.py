"""A part is compared with its protocol by looking at it, without calling it."""

from typing import Protocol

import pytest

from posei_trader.plugins import ProviderSpec
from posei_trader.plugins.checking import check_provider
from posei_trader.plugins.conformance import differences
from posei_trader.plugins.records import Origin
from posei_trader.plugins.registry import Provider


class Wanted(Protocol):
    size: int

    @property
    def name(self) -> str: ...

    async def load(self, key: str, limit: int = 0) -> list[str]: ...

    def stop(self, *, hard: bool) -> None: ...

    @staticmethod
    def create(config: str) -> "Wanted": ...


class Good:
    name: str

    async def load(self, key, limit=5, extra=None):
        return [key]

    def stop(self, *, hard, soft=False): ...

    @staticmethod
    def create(config): ...


class Loose:
    name = "x"

    async def load(self, *arguments, **keywords): ...

    def stop(self, **keywords): ...

    @classmethod
    def create(cls, config): ...


@pytest.mark.parametrize("kind", [Good, Loose, Good()])
def test_what_accepts_every_call_of_the_protocol_conforms(kind):
    assert differences(kind, Wanted) == []


def broken(**members):
    return type("Broken", (Good,), members)


async def async_stop(self, *, hard): ...
def plain_load(self, key, limit=0): ...
async def swapped(self, limit, key=0): ...
async def renamed(self, name, limit=0): ...
async def needs_more(self, key, limit=0, *, token): ...
async def no_default(self, key, limit): ...
def no_keyword(self): ...


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"load": plain_load}, ["load should be a coroutine"]),
        ({"stop": async_stop}, ["stop should be a plain method"]),
        ({"stop": no_keyword}, ["stop should take the keyword 'hard'"]),
        ({"load": needs_more}, ["load needs 'token', which nobody will give it"]),
        ({"load": no_default}, ["load should have a default for 'limit'"]),
        (
            {"load": renamed},
            [
                "load should take 'key' as argument 1",
                "load needs 'name', which nobody will give it",
            ],
        ),
        (
            {"load": swapped},
            [
                "load should take 'key' as argument 1",
                "load should take 'limit' as argument 2",
                "load should have a default for 'limit'",
            ],
        ),
        ({"stop": 3}, ["stop should be a method"]),
        ({"name": plain_load}, ["name is a method, but should be a property or an attribute"]),
    ],
)
def test_each_way_to_fail_a_protocol_is_named(members, expected):
    assert differences(broken(**members), Wanted) == expected


def test_what_is_missing_is_named():
    assert differences(object, Wanted) == [
        "create is missing",
        "load is missing",
        "name is missing",
        "stop is missing",
    ]


def provider(**parts):
    return Provider(ProviderSpec(name="acme", summary="s", api=1, **parts), Origin("acme", "x"))


def by_part(**parts):
    return {check.part: check for check in check_provider(provider(**parts))}


@pytest.fixture
def here(site):
    (site.root / "checked_parts.py").write_text(
        "from posei_trader.config import LiveDataClientConfig\n"
        "class Config(LiveDataClientConfig): pass\n"
        "class Factory:\n"
        "    @staticmethod\n"
        "    def create(config, context): ...\n"
        "class Symbols:\n"
        "    def to_instrument_id(self, contract): ...\n"
        "    def to_contract(self, instrument_id): ...\n"
    )


def test_a_provider_is_checked_part_by_part(here):
    checks = by_part(
        data="json:JSONDecoder",
        data_config="checked_parts:Config",
        data_factory="checked_parts:Factory",
        symbology={"raw": "checked_parts:Symbols"},
    )
    assert checks["data_config"].is_well
    assert checks["data_factory"].is_well
    assert checks["symbology.raw"].is_well
    assert "subscribe is missing" in checks["data"].problems


def test_a_part_that_cannot_be_imported_is_a_problem_rather_than_an_error(here):
    checks = by_part(gateway="no_such_module_anywhere:Gateway", config="json:JSONDecoder")
    assert "does not exist" in checks["gateway"].problems[0]
    assert "no PoseiConfig" in checks["config"].problems[0]


def test_parts_that_are_of_no_use_without_others_are_named(here):
    checks = by_part(data="json:JSONDecoder")
    assert not checks["data_config"].is_well
    assert not checks["data_factory"].is_well
    assert not by_part()["provider"].is_well
