"""Sum up the progress events of a pull, layer by layer: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from posei_trader.adapters.ib_docker.states import PullProgress

if TYPE_CHECKING:
    from collections.abc import Mapping

_DONE: Final = frozenset({"Download complete", "Pull complete", "Already exists"})
_LAYER: Final = frozenset(
    {"Pulling fs layer", "Waiting", "Downloading", "Verifying Checksum", "Extracting"}
)


class _Detail(msgspec.Struct, rename="camel"):
    current: int | None = None
    total: int | None = None


class PullEvent(msgspec.Struct, rename="camel"):
    """One line of the engine's answer; an error arrives as an event, too."""

    status: str = ""
    id: str = ""
    progress_detail: _Detail | None = None
    error: str | None = None


class PullMeter:
    """Know how much of an image has been fetched; bytes already on disk count as nothing."""

    def __init__(self, image: str) -> None:
        self._image = image
        self._current: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._done: set[str] = set()
        self._status = ""

    def take(self, event: Mapping[str, object]) -> PullEvent:
        """Take in one event and return it in typed form; unknown shapes change nothing."""
        try:
            parsed = msgspec.convert(event, PullEvent)
        except msgspec.ValidationError:
            return PullEvent()
        self._status = parsed.status or self._status
        if parsed.id and (parsed.status in _LAYER or parsed.status in _DONE):
            self._layer(parsed)
        return parsed

    def _layer(self, event: PullEvent) -> None:
        layer, detail = event.id, event.progress_detail
        self._current.setdefault(layer, 0)
        self._total.setdefault(layer, 0)
        if event.status == "Downloading" and detail is not None:
            self._total[layer] = max(detail.total or 0, self._total[layer])
            # A retried layer begins again at zero; what was shown does not go back.
            self._current[layer] = max(detail.current or 0, self._current[layer])
        if event.status in _DONE:
            self._done.add(layer)
            self._current[layer] = self._total[layer]

    def progress(self) -> PullProgress:
        """Return the sums."""
        return PullProgress(
            image=self._image,
            current=sum(self._current.values()),
            total=sum(self._total.values()),
            layers=len(self._current),
            layers_done=len(self._done),
            status=self._status,
        )
