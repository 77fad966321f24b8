"""The options of `knative-emulator simulate`."""

import argparse
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import TypeVar

from emulator.simulation.cores import Batch
from emulator.simulation.load import HASH_BATCH, HASH_SECONDS, SERVICE_SECONDS, Phase, parse_load
from emulator.simulation.sweep import parse_sweep
from emulator.simulation.times import FORMS, Times, seconds

_T = TypeVar("_T")


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-f", "--filename", action="append", required=True, help="manifest file, folder or -; may be repeated")
    add("--config", type=Path, help="configuration file (default knative-emulator.yaml, if there is one)")
    add("--demo", action="store_true", help="as `up --demo`: window 6 s, grace 5 s")
    load = parser.add_argument_group("load").add_argument
    load(
        "--load",
        type=_read(parse_load),
        action="append",
        metavar="LOAD",
        help="`50 rps 60s`, `ramp 0..500 rps 60s`, `storm 100000 logins 60s`, `clients 50 500ms 90s`, `pause 30s`; "
        "several with commas between them, or repeated",
    )
    load("--trace", type=Path, metavar="FILE", help="recorded requests (JSON lines) instead")
    load("--even", action="store_true", help="requests come like a metronome, and not at random")
    load("--to", metavar="NAME", help="Service that the load goes to, where the manifests have several")
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="write what was decided to a new file, for `explain --file FILE`"
    )
    add_model(parser)
    question = parser.add_argument_group("questions").add_argument
    question(
        "--compare", action="append", default=[], metavar="FILE", help="the same load on this manifest, side by side"
    )
    question(
        "--sweep",
        type=_read(parse_sweep),
        metavar="NAME=VALUES",
        help="try values of a field or annotation of the template: containerConcurrency=1..8, target=5..50:5, "
        "window=6s,30s, containers.0.resources.limits.cpu=1..4",
    )
    question(
        "--p99",
        type=_read(seconds),
        metavar="TIME",
        help="with --sweep: name the cheapest of which 99 %% is answered in time",
    )
    parser.add_argument(
        "--out", type=_read(_drawn), metavar="FILE", help="draw it, too: a page (.html), or a picture (.png)"
    )
    parser.add_argument("--json", action="store_true", help="print whole results for a program")


def add_replay_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="a record, which `up --record FILE` wrote")
    add("--against", action="append", default=[], metavar="MANIFEST", help="another manifest; may be repeated")
    add("--config", type=Path, help="configuration file for it (default: the ConfigMaps of the record)")
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="print the whole results for a program")


def add_model(parser: argparse.ArgumentParser) -> None:
    """What is modelled of instances and machine, and the seed of chance."""
    model = parser.add_argument_group("model").add_argument
    model("--seed", type=int, default=1, help="of all that is drawn (default %(default)s)")
    model(
        "--service",
        type=_read(Times),
        metavar="TIME",
        help=f"what a request waits for in its instance: {FORMS} (default {SERVICE_SECONDS * 1000:g}ms without --cpu)",
    )
    model(
        "--cpu",
        type=_read(Times),
        metavar="TIME",
        help=f"time of one core that a request computes (default none; logins of a storm {HASH_SECONDS * 1000:g}ms)",
    )
    model(
        "--start", type=_read(Times), metavar="TIME", help="from the start of an instance to readiness (default 0.6s)"
    )
    model(
        "--cores", type=_read(_positive), default=inf, metavar="N", help="of all instances together (default endless)"
    )
    model("--instances", type=_read(_count), default=inf, metavar="N", help="that fit (default endless)")
    model(
        "--threads",
        type=_read(_count),
        metavar="N",
        help="requests that an instance computes at a time (default: its CPU limit, rounded up)",
    )
    model(
        "--batch",
        type=_read(_batch),
        metavar="N:FACTOR",
        help="requests that a thread computes together, and how long N take, in times of one "
        f"(default 1:1; logins of a storm {HASH_BATCH.width}:{HASH_BATCH.factor:g})",
    )


def phases(options: argparse.Namespace) -> tuple[Phase, ...]:
    """All phases of all --load, in order."""
    return tuple(phase for each in options.load for phase in each)


def _read(parse: Callable[[str], _T]) -> Callable[[str], _T]:
    """For argparse, which would keep the text of a ValueError to itself."""

    def read(text: str) -> _T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _drawn(text: str) -> Path:
    file = Path(text)
    if file.suffix.lower() not in {".html", ".png"}:
        raise ValueError(f"{text!r} is neither a page (.html) nor a picture (.png)")
    return file


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < inf:
        raise ValueError(f"{text!r} is no number above 0")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{text!r} is no whole number of 1 or more")
    return int(text)


def _batch(text: str) -> Batch:
    width, colon, factor = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r}: write how many, a colon, and how long they take in times of one, like 4:1.05")
    batch = Batch(_count(width), _positive(factor))
    if batch.factor < 1 or (batch.width == 1 and batch.factor != 1):
        raise ValueError(f"{text!r}: several take at least as long as one, and one takes 1")
    return batch
