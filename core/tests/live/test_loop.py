from __future__ import annotations

import asyncio
import gc
import sys

import pytest

from posei_trader.live.loop import new_event_loop, run_to_end


def test_uvloop_is_used_where_it_is_installed(monkeypatch):
    loop = new_event_loop()
    assert type(loop).__module__ == "uvloop"
    loop.close()
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loop = new_event_loop()
    assert isinstance(loop, asyncio.SelectorEventLoop)
    loop.close()


def test_the_result_comes_back_and_errors_go_on():
    async def fine():
        return 5

    async def broken():
        raise KeyError("bug")

    assert run_to_end(fine(), print, 1.0) == 5
    with pytest.raises(KeyError):
        run_to_end(broken(), print, 1.0)


def test_a_task_that_ignores_its_cancellation_is_abandoned(caplog):
    async def stubborn():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    async def main():
        asyncio.get_running_loop().create_task(stubborn(), name="stubborn")
        asyncio.get_running_loop().create_task(asyncio.sleep(60), name="tame")
        await asyncio.sleep(0)

    run_to_end(main(), print, 0.05)
    assert "is abandoned: stubborn" in caplog.text
    assert "tame" not in caplog.text
    # asyncio tells of the abandoned task when it is collected: here, not in a later test's log.
    gc.collect()
    assert "destroyed but it is pending" in caplog.text


def test_signals_are_caught_where_the_loop_has_no_handlers_for_them(monkeypatch):
    import os
    import signal

    class Plain(asyncio.SelectorEventLoop):
        def add_signal_handler(self, *_):
            raise NotImplementedError

    monkeypatch.setattr("posei_trader.live.loop.new_event_loop", Plain)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    told = asyncio.Event()
    names = []

    async def main():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(told.wait(), 5)

    def note(name):
        names.append(name)
        told.set()

    run_to_end(main(), note, 1.0)
    assert names == ["SIGTERM"]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_signals_belong_to_who_had_them_before_when_the_run_is_over():
    import signal

    def mine(*_):
        raise AssertionError("not now")

    before = signal.signal(signal.SIGTERM, mine)
    try:

        async def nothing():
            assert signal.getsignal(signal.SIGTERM) is not mine

        run_to_end(nothing(), print, 1.0)
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
