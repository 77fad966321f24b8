"""CPU time of a bcrypt hash, several at once in the interleaved kernel, against one at a time in pyca/bcrypt.

    python -m loadtest.bench.hash [--turns 15]

Prints, for each cost and width, milliseconds of CPU for a hash and how many of them fit in the time of one of pyca's;
then how long batches of other passwords take. All take turns within one run, so that a noisy machine is noisy for each;
figures are medians.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import bcrypt

try:
    from function.credentials import _interleaved
except ImportError:
    sys.exit("The interleaved kernel was not built: install a C compiler, then `make clean bench-hash`.")

RESULTS = Path(__file__).with_name("results") / "hash.json"
COSTS = (8, 10, 12)
WIDTHS = (1, 2, 3, 4)
WIDEST = WIDTHS[-1]
PYCA = "pyca/bcrypt"
#: Of the comparison of contents: 50 ms a batch, long enough for the clock.
CONTENT_COST = 10


def hashed(password: bytes, cost: int) -> bytes:
    return bcrypt.hashpw(password, bcrypt.gensalt(cost))


def milliseconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return (time.thread_time() - began) * 1000


def medians(turns: int, contestants: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Milliseconds of CPU for each; the first turn, in which caches are cold, is not counted."""
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(turns + 1):
        for name, work in contestants.items():
            taken = milliseconds(work)
            if turn:
                samples[name].append(taken)
    return {name: statistics.median(values) for name, values in samples.items()}


def rates(turns: int, cost: int) -> tuple[dict[str, float], dict[str, float]]:
    """(milliseconds a hash, hashes in the time of one of pyca's), by width and for pyca."""
    password = b"a password of the benchmark"
    stored = hashed(password, cost)
    contestants: dict[str, Callable[[], object]] = {PYCA: partial(bcrypt.checkpw, password, stored)}
    for width in WIDTHS:
        contestants[str(width)] = partial(_interleaved.verify_many, [(password, stored)] * width)
    taken = medians(turns, contestants)
    each = {name: value / (1 if name == PYCA else int(name)) for name, value in taken.items()}
    return each, {name: each[PYCA] / value for name, value in each.items()}


def contents(turns: int) -> dict[str, float]:
    """How long the widest batch takes for what its passwords are, in units of the mean."""
    batches: dict[str, Sequence[bytes]] = {
        "all right": [b"one password for all of them"] * WIDEST,
        "all empty": [b""] * WIDEST,
        "all 72 bytes of ones": [b"\xff" * 72] * WIDEST,
        "random": [os.urandom(64) for _ in range(WIDEST)],
    }
    right = hashed(batches["all right"][0], CONTENT_COST)
    taken = medians(
        turns,
        {
            name: partial(_interleaved.verify_many, [(password, right) for password in passwords])
            for name, passwords in batches.items()
        },
    )
    mean = statistics.mean(taken.values())
    return {name: value / mean for name, value in taken.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description="CPU time of a bcrypt hash by width, against pyca/bcrypt.")
    parser.add_argument("--turns", type=int, default=15, help="turns of each (default: %(default)s)")
    turns: int = parser.parse_args().turns
    times, ratios = {}, {}
    for cost in COSTS:
        each, ratio = times[cost], ratios[cost] = rates(turns, cost)
        for name in each:
            print(f"cost {cost:2}   {name:11} {each[name]:7.2f} ms a hash   {ratio[name]:.2f} x", flush=True)
    by_content = contents(turns)
    for name, part in by_content.items():
        print(f"{name:21} {part:.3f} of the mean")
    kept = {"turns": turns, "milliseconds": times, "ratios": ratios, "contents": by_content}
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
