"""The contract of an adapter: complete in words, and found under one name."""

from __future__ import annotations

import inspect

import pytest

from posei_trader import protocols

CONTRACT = [getattr(protocols, name) for name in protocols.__all__]


def methods():
    for protocol in CONTRACT:
        for name, member in vars(protocol).items():
            if not name.startswith("_") and (inspect.isfunction(member) or callable(member)):
                yield pytest.param(member, id=f"{protocol.__name__}.{name}")


@pytest.mark.parametrize("method", list(methods()))
def test_every_method_has_its_contract(method):
    function = method.__func__ if isinstance(method, staticmethod) else method
    assert inspect.getdoc(function)
    assert "Nothing:" not in inspect.getdoc(function)


@pytest.mark.parametrize(
    "method",
    [
        protocols.DataClient.connect,
        protocols.DataClient.disconnect,
        protocols.DataClient.subscribe,
        protocols.DataClient.unsubscribe,
        protocols.DataClient.request_bars,
        protocols.ExecClient.connect,
        protocols.ExecClient.disconnect,
        protocols.ExecClient.submit_order,
        protocols.ExecClient.modify_order,
        protocols.ExecClient.cancel_order,
        protocols.InstrumentProvider.initialize,
        protocols.InstrumentProvider.load,
        protocols.InstrumentProvider.load_all,
        protocols.InstrumentProvider.load_ids,
        protocols.Gateway.start_async,
        protocols.Gateway.stop_async,
    ],
    ids=lambda method: method.__qualname__,
)
def test_every_action_says_what_a_second_call_does(method):
    text = inspect.getdoc(method)
    assert any(word in text.lower() for word in ("idempotent", "repeating", "asking again"))


def test_what_makes_or_loads_something_names_its_errors():
    assert "ConfigError" in protocols.InstrumentProviderFactory.create.__doc__
    assert "RetryLater" in protocols.InstrumentProvider.load_all.__doc__
    assert "Unsupported" in protocols.InstrumentProvider.load_all.__doc__
