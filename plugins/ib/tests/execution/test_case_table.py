"""Every numbered execution case is proven by a test here, or impossible at IB for a reason."""

import re
from pathlib import Path

HERE = Path(__file__).parent

CASES = {
    *range(1, 7),
    *range(10, 20),
    *range(20, 28),
    *range(30, 37),
    *range(40, 45),
    *range(50, 54),
    *range(60, 64),
    *range(70, 79),
    *range(80, 88),
    *(90, 91, 92, 94, 96, 99, 100, 101),
}

IB_CANNOT = {
    60: "IB has no post-only order: denied before it is sent, which the test of E60 E70 proves",
    61: "IB has no reduce-only order: denied before it is sent, which the test of E61 E71 proves",
    70: "as E60: it is denied whether it would cross or not",
    71: "as E61: it is denied whether there is a position or not",
}

_ONE = re.compile(r"[eE](\d{2,3})\b|[eE](\d{2,3})_")
_SPAN = re.compile(r"e(\d{2,3})_to_e(\d{2,3})")


def proven():
    """Read the numbers in the names and ids of the tests beside this one."""
    found = set()
    for path in HERE.glob("test_*.py"):
        if path.name == Path(__file__).name:
            continue
        for line in path.read_text().splitlines():
            for first, last in _SPAN.findall(line):
                found |= set(range(int(first), int(last) + 1))
            if line.startswith(("async def test_", "def test_")) or '"E' in line:
                found |= {int(one or other) for one, other in _ONE.findall(line)}
    return found


def test_every_case_is_proven_or_impossible_for_a_reason():
    assert CASES - proven() - set(IB_CANNOT) == set()


def test_the_table_knows_every_number_that_the_tests_carry():
    assert proven() - CASES == set()
