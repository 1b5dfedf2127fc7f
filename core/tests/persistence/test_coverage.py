"""What is known whole: so that a download goes on where it was."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posei_trader.errors import DataFileError
from posei_trader.model.identifiers import InstrumentId
from posei_trader.persistence.catalog import ParquetDataCatalog
from posei_trader.persistence.coverage import Span, missing_spans

KEY = InstrumentId("EUR/USD.IDEALPRO")

spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda one: Span(one[0], sum(one))),
    max_size=8,
)


def moments(some):
    return {moment for span in some for moment in range(span.start_ns, span.end_ns)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(known=spans, start=st.integers(0, 60), length=st.integers(1, 40))
def test_what_is_missing_is_exactly_what_is_not_known(tmp_path_factory, known, start, length):
    coverage = ParquetDataCatalog(tmp_path_factory.mktemp("c")).coverage
    for span in known:
        coverage.add("bars", KEY, *span, "all")
    coverage.add("bars", KEY, 0, 100, "regular")  # another label is another matter
    for _ in range(2):
        merged = coverage.spans("bars", KEY, "all")
        assert moments(merged) == moments(known)
        assert all(a.end_ns < b.start_ns for a, b in itertools.pairwise(merged))
        missing = missing_spans(merged, start, start + length)
        assert moments(missing) == set(range(start, start + length)) - moments(known)
        coverage.tidy("bars", KEY)
    assert coverage.labels("bars", KEY) == ({"regular", "all"} if known else {"regular"})


def test_joined_notes_leave_one_file_for_each_span(tmp_path):
    coverage = ParquetDataCatalog(tmp_path).coverage
    for first in (0, 10, 20, 50):
        coverage.add("quote_ticks", KEY, first, first + 10, "all")
    coverage.add("quote_ticks", KEY, 5, 5, "all")  # nothing
    coverage.tidy("quote_ticks", KEY)
    assert coverage.spans("quote_ticks", KEY, "all") == [Span(0, 30), Span(50, 60)]
    assert len(list(tmp_path.rglob("*.span"))) == 2
    assert coverage.spans("trade_ticks", KEY, "all") == []


def test_a_stranger_among_the_notes_is_named(tmp_path):
    coverage = ParquetDataCatalog(tmp_path).coverage
    coverage.add("quote_ticks", KEY, 1, 2, "all")
    folder = next(tmp_path.rglob("*.span")).parent
    Path(folder / "notes.span").touch()
    with pytest.raises(DataFileError, match="not one of ours"):
        coverage.spans("quote_ticks", KEY, "all")
