"""Two of the same function, one of them with HASH_ENGINE=bcrypt, in turns under the same load: part of login.py.

A turn is some logins that come alone, and then an overload for the fast one: all its batches are full, and little is
spent on turning people away. CPU time does not mind that the two share the cores, and medians not a turn that was bad.
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadtest.bench.login import Bench

#: Logins offered, as a multiple of what the fast engine does.
OVERLOAD = 1.5
#: Turns of each, and logins that come alone in a turn.
TURNS, ALONE = 3, 20
#: Seconds at half the load in which each loads what the first logins need, and measures its batches.
WARM = 3.0


def people(rate: float, seconds: float) -> int:
    """How many names `compare` takes at most."""
    return 2 * int(1.3 * rate * (TURNS * OVERLOAD * seconds + WARM)) + 2 * TURNS * ALONE


def compare(fast: "Bench", slow: "Bench", *, rate: float, hashing: float, seconds: float) -> dict[str, Any]:
    """Measure both.

    Args:
        fast: the one that hashes several at a time.
        slow: the other.
        rate: hashes/s of the bare fast engine.
        hashing: seconds of one batch.
        seconds: of each overload.
    """
    sides: Mapping[str, Bench] = {"batched": fast, "bcrypt": slow}
    by_cpu: dict[str, list[float]] = {name: [] for name in sides}
    alone: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        side.overload(0.5, rate, WARM)
    for turn in range(TURNS):
        for name, side in sides.items():
            print(f"engines, turn {turn + 1} of {TURNS}: {name} ...", file=sys.stderr, flush=True)
            told = side.send([4 * hashing * number for number in range(ALONE)])
            alone[name] += [one.first * 1000 for one in told if one.status == 200]
            by_cpu[name].append(side.overload(OVERLOAD, rate, seconds)["logins_per_cpu_second"])
    return {
        "logins_per_cpu_second": {name: statistics.median(values) for name, values in by_cpu.items()},
        "alone_ms": {name: statistics.median(values) for name, values in alone.items()},
    }


def line(found: Mapping[str, Any]) -> str:
    """The figures for a person."""
    by_cpu, alone = found["logins_per_cpu_second"], found["alone_ms"]
    return (
        f"engines: {by_cpu['batched']:.1f} logins per CPU-second, {by_cpu['bcrypt']:.1f} with HASH_ENGINE=bcrypt; "
        f"a login that comes alone takes {alone['batched']:.0f} ms, {alone['bcrypt']:.0f} ms with it"
    )


def goals(found: Mapping[str, Any]) -> Sequence[tuple[str, float, float, bool]]:
    """As login.py's: what a login costs beside its hash weighs four times as much beside a quarter of one."""
    by_cpu, alone = found["logins_per_cpu_second"], found["alone_ms"]
    return (
        ("logins by CPU time over HASH_ENGINE=bcrypt", by_cpu["batched"] / by_cpu["bcrypt"], 3.2, True),
        ("latency of one alone over HASH_ENGINE=bcrypt", alone["batched"] / alone["bcrypt"], 1, False),
    )
