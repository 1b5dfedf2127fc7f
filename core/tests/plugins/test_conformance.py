"""A part is compared with its protocol by looking at it, without calling it."""

from typing import Protocol

import pytest

from posei_trader.plugins.conformance import differences


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
