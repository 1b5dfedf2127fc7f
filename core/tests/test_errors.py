"""The errors form one tree, read as one block and keep what they know."""

import copy
import pickle

import pytest
from pydantic import SecretStr

from posei_trader import errors
from posei_trader.errors import (
    CallHuman,
    ConfigError,
    ConnectionLost,
    FixRequest,
    InvalidRequest,
    MissingDependency,
    PoseiError,
    RequestTimeout,
    RetryLater,
)


def pickled(error):
    return pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes


EVERY = [getattr(errors, name) for name in errors.__all__]
BRANCHES = (RetryLater, FixRequest, CallHuman)


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_belongs_to_exactly_one_branch_of_the_tree(kind):
    assert issubclass(kind, PoseiError)
    if kind is not PoseiError:
        assert sum(issubclass(kind, branch) for branch in BRANCHES) == 1


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_stands_in_the_drawing_and_in_the_exports(kind):
    assert f" {kind.__name__} " in f"{errors.__doc__} ".replace("\n", " ")
    defined = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert sorted(defined) == sorted(errors.__all__)


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_survives_pickling_and_copying_with_all_it_knows(kind):
    error = kind("it broke", field="a.b", value=None, remedy="mend it", code=321)
    error.source = "node.toml"
    for twin in (pickled(error), copy.copy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert (twin.field, twin.value, twin.remedy, twin.code) == ("a.b", None, "mend it", 321)
        assert twin.has_value


def test_an_error_reads_as_one_block():
    error = InvalidRequest("not a price", field="price", value="1,5", remedy="use a dot", code=110)
    error.source = "orders.csv"
    assert str(error) == (
        "not a price\n"
        "  file:   orders.csv\n"
        "  field:  price\n"
        "  value:  '1,5'\n"
        "  code:   110\n"
        "  remedy: use a dot"
    )


def test_an_error_without_details_is_its_message():
    error = pickled(RequestTimeout("no answer in 5 s"))
    assert str(error) == "no answer in 5 s"
    assert not error.has_value


def test_none_is_a_value_and_a_long_value_is_cut():
    assert "value:  None" in str(InvalidRequest("x", value=None))
    text = str(InvalidRequest("x", value="y" * 5_000))
    assert len(text) < 300
    assert text.endswith("...")


def test_a_secret_stays_masked():
    assert "hunter2" not in str(ConfigError("x", value=SecretStr("hunter2")))


def test_the_branches_say_what_a_program_should_do():
    assert (RetryLater.exit_code, FixRequest.exit_code, CallHuman.exit_code) == (3, 2, 4)
    assert RetryLater.retryable
    assert not FixRequest.retryable
    assert not CallHuman.retryable


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (ConnectionLost, ConnectionError),
        (RequestTimeout, TimeoutError),
        (InvalidRequest, ValueError),
        (MissingDependency, ImportError),
    ],
)
def test_errors_are_also_what_python_calls_them(kind, builtin):
    assert issubclass(kind, builtin)


def test_several_problems_are_listed_in_one_error():
    first = ConfigError("wrong a", field="a", value=1, remedy="x")
    error = ConfigError.of([first, ConfigError("wrong b", field="b")])
    assert (error.field, error.value, error.remedy) == ("a", 1, "x")
    assert str(error) == (
        "2 settings are wrong\n"
        "- wrong a\n"
        "    field:  a\n"
        "    value:  1\n"
        "    remedy: x\n"
        "- wrong b\n"
        "    field:  b"
    )
    error.source = "node.toml"
    assert str(error).startswith("2 settings are wrong in node.toml\n")
    assert str(pickled(error)) == str(error)
