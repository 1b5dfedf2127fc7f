"""Endless hostile inputs for the server, made from seeds in the folder `fuzz_corpus`.

A seed file holds the payloads of one server version, one a line in hexadecimal; lines that begin
with # say what the next one is. Inputs that once did harm are added there by hand, so that they
are tried for ever.
"""

import random
import struct
from pathlib import Path

FOLDER = Path(__file__).with_name("fuzz_corpus")
NUMBERS = (
    b"2147483647",
    b"2147483648",
    b"-1",
    b"1e400",
    b"nan",
    b"9" * 400,
    b"",
    b"\xff\xfe",
    b"0",
)
CLOCKS = (b"20240305 15:00:00 US/Eastern", b"00010101", b"99991231-23:59:59", b"1 Y", b"99999 Y")


def seeds():
    """Return the payloads of every version."""
    found = {}
    for path in sorted(FOLDER.glob("*.txt")):
        lines = path.read_text(encoding="ascii").splitlines()
        found[int(path.stem)] = [bytes.fromhex(line) for line in lines if line[:1] != "#"]
    return found


def mutated(chance, payload, others):
    """Return a payload with some of it changed, cut out, put in, repeated or joined to another."""
    data = bytearray(payload)
    for _ in range(chance.randrange(5)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(8):
            case 0 if data:
                data[at % len(data)] = chance.randrange(256)
            case 1:
                data[at:at] = chance.randbytes(chance.randrange(9))
            case 2:
                del data[at : at + chance.randrange(1, 20)]
            case 3:
                data[at:at] = chance.choice(NUMBERS)
            case 4:
                data += data[at : at + 200]
            case 5:
                data[at:] = chance.choice(others)[at:]
            case 6 if b"\0" in data:
                fields = data.split(b"\0")
                fields[chance.randrange(len(fields))] = bytearray(chance.choice(NUMBERS + CLOCKS))
                data = bytearray(b"\0".join(fields))
            case 7 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
    return bytes(data[:60_000])


def framed(chance, payload):
    """Return a payload as a frame, now and then with a length that lies."""
    length = len(payload)
    if chance.random() < 0.0005:
        length = chance.choice((0, 1, length + 1, length * 2, 0xFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
    return struct.pack(">I", length) + payload


def inputs(seed, version, payloads, count):
    """Yield that many inputs for a version, the same for the same seed."""
    chance = random.Random(f"{seed} {version}")
    for _ in range(count):
        if chance.random() < 0.05:
            yield framed(chance, chance.randbytes(chance.randrange(300)))
        else:
            yield framed(chance, mutated(chance, chance.choice(payloads), payloads))
