"""Average time to encode a contract as an instrument id and to decode it again.

    python benchmarks/ib_symbology.py [--seconds 2]

The contracts are the hand-written table of the tests, from all regions and asset classes, each in
both methods, with and without MIC conversion. Reported is the mean over the whole table, of CPU
time and of the best of five rounds, so that other programs on the machine matter little.
"""

import argparse
import datetime as dt
import sys
import time
from pathlib import Path

from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.symbology import RawSymbology, SimplifiedSymbology

TABLE = Path(__file__).parent.parent / "plugins/ib/tests/symbology/pairs.txt"
FIELDS = (
    "secType",
    "exchange",
    "primaryExchange",
    "currency",
    "symbol",
    "localSymbol",
    "tradingClass",
)
WANTED_US = 5.0
ROUNDS = 5
TODAY = dt.date(2024, 6, 1)


def contracts():
    """Return the table's contracts."""
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            cells = [cell.strip() for cell in line.split("|")]
            fields = dict(zip(FIELDS, cells[3:10], strict=True))
            fields |= dict(part.split("=", 1) for cell in cells[10:] for part in cell.split())
            if "strike" in fields:
                fields["strike"] = float(fields["strike"])
            yield IBContract(**fields)


def mean_us(action, arguments, seconds):
    """Return the mean CPU time of an action in microseconds, of the best of five rounds."""
    return min(one_round(action, arguments, seconds / ROUNDS) for _ in range(ROUNDS))


def one_round(action, arguments, seconds):
    """Return the mean over whole passes of the arguments."""
    begun, done = time.process_time(), 0
    while (spent := time.process_time() - begun) < seconds or not done:
        for argument in arguments:
            action(argument)
        done += len(arguments)
    return spent / done * 1e6


def main():
    """Measure all; exit 1 when an average is above what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    seconds = parser.parse_args().seconds
    table = list(contracts())
    good = True
    for kind in (SimplifiedSymbology, RawSymbology):
        for mic in (False, True):
            method = kind(convert_exchange_to_mic_venue=mic, as_of=TODAY)
            ids = [method.to_instrument_id(contract) for contract in table]
            encode = mean_us(method.to_instrument_id, table, seconds)
            decode = mean_us(method.to_contract, ids, seconds)
            print(
                f"{kind.__name__}{', MIC' if mic else ''}: {len(table)} contracts, encode "
                f"{encode:.2f} us, decode {decode:.2f} us (wanted {WANTED_US:.0f})"
            )
            good = good and max(encode, decode) < WANTED_US
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
