"""Listen to a gateway and wait for what it will say."""

from __future__ import annotations

import asyncio

from posei_trader.adapters.ib_docker.states import StateChanged


class Recorder:
    """A listener that keeps everything."""

    def __init__(self):
        self.notices = []
        self._news = asyncio.Event()

    def __call__(self, notice):
        self.notices.append(notice)
        self._news.set()

    def of(self, kind):
        return [notice for notice in self.notices if isinstance(notice, kind)]

    @property
    def states(self):
        return [notice.state.value for notice in self.of(StateChanged)]

    async def heard(self, kind, *, count=1, within=15, **fields):
        """Wait until `count` notices of this kind and with these fields have come."""
        async with asyncio.timeout(within):
            while True:
                found = [
                    notice
                    for notice in self.of(kind)
                    if all(getattr(notice, name) == value for name, value in fields.items())
                ]
                if len(found) >= count:
                    return found[count - 1]
                self._news.clear()
                await self._news.wait()
