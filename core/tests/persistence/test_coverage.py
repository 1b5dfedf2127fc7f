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
T0 = 1_704_150_000_000_000_000
MINUTE = 60 * 10**9

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


def stored(tmp_path, make_bar, minutes):
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([make_bar(minute) for minute in minutes])
    return catalog


def at(minute):
    return T0 + minute * MINUTE


def test_a_span_that_lost_rows_is_not_known_any_more_until_they_are_back(
    tmp_path, make_bar, bar_type
):
    catalog = ParquetDataCatalog(tmp_path)
    parts = [range(10), range(10, 20), range(20, 30)]
    for part in parts:
        catalog.write_data([make_bar(minute) for minute in part])
        catalog.coverage.add("bars", bar_type, at(part.start), at(part.stop), "all")
    whole = (at(0), at(30))
    assert catalog.coverage.kept("bars", bar_type, ["all"], *whole) == [whole]
    sorted(tmp_path.rglob("*.parquet"))[1].unlink()
    for _ in range(2):
        kept = catalog.coverage.kept("bars", bar_type, ["all"], *whole)
        assert missing_spans(kept, *whole) == [(at(10), at(20))]
        (loss,) = catalog.coverage.losses("bars", bar_type)
        assert (loss.span, loss.noted, loss.found) == ((at(10), at(20)), 10, 0)
        # Only what lies around the asked span is looked at.
        assert catalog.coverage.kept("bars", bar_type, ["all"], at(0), at(5)) == [(at(0), at(10))]
        # What is joined does not forget it, and files that are joined change nothing.
        catalog.coverage.tidy("bars", bar_type)
        catalog.consolidate()
    catalog.write_data([make_bar(minute) for minute in parts[1]])
    assert catalog.coverage.kept("bars", bar_type, ["all"], *whole) == [whole]
    catalog.coverage.tidy("bars", bar_type)
    (note,) = tmp_path.rglob("*.span")
    assert note.name.endswith("-all-30.span")
    assert catalog.check() == []


def test_a_lost_span_that_is_known_anew_with_fewer_rows_is_whole(tmp_path, make_bar, bar_type):
    """The venue has fewer rows now: the old note would have them missing for ever."""
    catalog = stored(tmp_path, make_bar, range(10))
    catalog.coverage.add("bars", bar_type, at(0), at(10), "all")
    next(tmp_path.rglob("*.parquet")).unlink()
    catalog.write_data([make_bar(minute) for minute in range(8)])
    catalog.coverage.add("bars", bar_type, at(0), at(5), "all")
    catalog.coverage.tidy("bars", bar_type)
    assert len(catalog.coverage.losses("bars", bar_type)) == 1
    catalog.coverage.add("bars", bar_type, at(5), at(10), "all")
    catalog.coverage.tidy("bars", bar_type)
    assert catalog.coverage.losses("bars", bar_type) == []
    assert catalog.coverage.kept("bars", bar_type, ["all"], at(0), at(10)) == [(at(0), at(10))]


def test_more_rows_than_noted_are_no_loss_and_rows_that_are_there_twice_count_once(
    tmp_path, make_bar, bar_type
):
    catalog = stored(tmp_path / "one", make_bar, range(0, 10, 2))
    catalog.coverage.add("bars", bar_type, at(0), at(10), "regular")
    catalog.write_data([make_bar(minute) for minute in range(12)])
    catalog.coverage.add("bars", bar_type, at(0), at(10), "all")
    assert catalog.coverage.losses("bars", bar_type) == []
    # Another process stored the same rows at the same time.
    other = stored(tmp_path / "other", make_bar, range(3, 9))
    for path in tmp_path.glob("other/**/*.parquet"):
        path.rename(path.parents[0].as_posix().replace("/other/", "/one/") + "/" + path.name)
    assert other.bars() == []
    catalog.coverage.add("bars", bar_type, at(2), at(12), "all")
    names = sorted(note.name[40:] for note in tmp_path.rglob("*.span"))
    assert names == ["all-10.span", "all-10.span", "regular-5.span"]
    catalog.consolidate()
    catalog.coverage.tidy("bars", bar_type)
    assert catalog.coverage.losses("bars", bar_type) == []
    assert catalog.coverage.spans("bars", bar_type, "all") == [(at(0), at(12))]


def test_notes_that_tell_no_number_of_rows_stay_valid(tmp_path, make_bar, bar_type):
    catalog = stored(tmp_path, make_bar, range(10))
    catalog.coverage.add("bars", bar_type, at(0), at(10), "all")
    (note,) = tmp_path.rglob("*.span")
    note.rename(note.with_name(note.name.replace("-10.span", ".span")))
    assert catalog.coverage.kept("bars", bar_type, ["all"], at(0), at(10)) == [(at(0), at(10))]
    catalog.coverage.add("bars", bar_type, at(10), at(20), "all")
    catalog.coverage.tidy("bars", bar_type)
    (note,) = tmp_path.rglob("*.span")
    assert note.name.endswith("-all-10.span")  # joined, it tells what is there


def test_files_within_a_span_are_counted_by_their_ends_alone(tmp_path, make_bar, bar_type):
    """A big catalog is not read to see whether it is whole."""
    catalog = stored(tmp_path, make_bar, range(100))
    catalog.coverage.add("bars", bar_type, at(0), at(100), "all")
    (path,) = tmp_path.rglob("*.parquet")
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)  # the rows; what is at the end says how many they were
    path.write_bytes(content)
    assert catalog.coverage.losses("bars", bar_type) == []
    with pytest.raises(DataFileError, match="cannot read"):
        catalog.coverage.add("bars", bar_type, at(1), at(2), "all")


def test_what_has_a_note_and_no_file_is_a_stream(tmp_path, make_bar, bar_type):
    catalog = stored(tmp_path, make_bar, range(10))
    catalog.coverage.add("bars", bar_type, at(0), at(10), "all")
    catalog.coverage.add("quote_ticks", KEY, at(0), at(10), "all")
    next(tmp_path.rglob("*.parquet")).unlink()
    assert list(catalog.coverage.streams()) == [("quote_ticks", KEY), ("bars", bar_type)]
