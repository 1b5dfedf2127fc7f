"""A download's report, for people and for scripts."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from posei_trader.cli.text import indented, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.adapters.interactive_brokers.historical.download_report import (
        DownloadReport,
        StreamReport,
    )
    from posei_trader.adapters.interactive_brokers.historical.results import HistoryGap

__all__ = ["as_data", "report_text"]

_MOST: Final = 5
"""Gaps of a stream that are listed for people; scripts get all."""


def _iso(nanos: int) -> str:
    return dt.datetime.fromtimestamp(nanos // 10**9, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_data(report: DownloadReport, path: str) -> dict[str, object]:
    """Return plain data for scripts."""
    return {
        "catalog": path,
        "whole": report.is_whole,
        "written": report.written,
        "streams": [_stream(one) for one in report.streams],
        "skipped": [
            {
                "instrument": one.instrument,
                "what": one.what,
                "reason": one.reason,
                "remedy": one.remedy,
            }
            for one in report.skipped
        ],
    }


def _stream(one: StreamReport) -> dict[str, object]:
    error = one.error
    return {
        "kind": one.kind,
        "name": str(one.key),
        "start": _iso(one.start_ns),
        "end": _iso(one.end_ns),
        "fetched": one.fetched,
        "written": one.written,
        "rows": one.rows,
        "gaps": [_gap(gap) for gap in one.gaps],
        "gaps_unknown": one.gaps_unknown or None,
        "problems": list(one.problems),
        "error": None
        if error is None
        else {
            "type": type(error).__name__,
            "message": error.message,
            "remedy": error.remedy,
            "code": error.code,
        },
    }


def _gap(gap: HistoryGap) -> dict[str, object]:
    return {
        "start": _iso(gap.start_ns),
        "end": _iso(gap.end_ns),
        "missing": gap.missing,
        "whole_session": gap.is_whole_session,
        "hours": gap.hours,
    }


def report_text(report: DownloadReport, path: str) -> str:
    """Return a table of the streams, and what deserves a look below it."""
    rows = [
        (
            str(one.key) if one.kind == "bars" else f"{one.key} {one.kind}",
            _iso(one.start_ns),
            _iso(one.end_ns),
            f"{one.written:,}",
            f"{one.rows:,}",
            _gaps_in_words(one),
        )
        for one in report.streams
    ]
    lines = [table(("stream", "from", "to", "new", "stored", "gaps"), rows)]
    for one in report.streams:
        lines += _remarks(one)
    lines += [
        f"skipped {one.instrument} {one.what}: {one.reason}; {one.remedy}" for one in report.skipped
    ]
    lines.append(f"{report.written:,} new records in {path}")
    return "\n".join(lines)


def _gaps_in_words(one: StreamReport) -> str:
    if one.error is not None:
        return "-"
    if one.gaps_unknown:
        return "unknown"
    if not one.gaps:
        return "none"
    sessions = sum(gap.is_whole_session for gap in one.gaps)
    return f"{len(one.gaps):,}" + (f", {sessions:,} whole sessions" if sessions else "")


def _remarks(one: StreamReport) -> list[str]:
    lines: list[str] = []
    if one.error is not None:
        lines.append(f"failed {one.key}:\n{indented(str(one.error))}")
    lines += [f"problem: {text}" for text in one.problems]
    if one.gaps_unknown:
        lines.append(f"gaps of {one.key} are unknown: {one.gaps_unknown}")
    if one.gaps:
        lines.append(f"longest gaps of {one.key}:")
        lines += [f"  {text}" for text in _longest(one.gaps)]
    return lines


def _longest(gaps: Sequence[HistoryGap]) -> list[str]:
    chosen = sorted(gaps, key=lambda gap: gap.start_ns - gap.end_ns)[:_MOST]
    lines = [
        f"{_iso(gap.start_ns)} to {_iso(gap.end_ns)}"
        + (f", {gap.missing:,} bars" if gap.missing else "")
        + (", a whole session" if gap.is_whole_session else "")
        for gap in sorted(chosen, key=lambda gap: gap.start_ns)
    ]
    if len(gaps) > len(chosen):
        lines.append(f"and {len(gaps) - len(chosen):,} shorter ones; see --json")
    return lines
