"""`knative-emulator simulate`: ask beforehand."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import to_builtins

from emulator.api.kinds import Kind
from emulator.api.store import Object
from emulator.core.settings import ConfigError
from emulator.errors import UserError
from emulator.manifests import read_manifests
from emulator.record.file import write
from emulator.record.reader import Record, read
from emulator.settings import read_settings
from emulator.simulation import terminal
from emulator.simulation.engine import Run, service_of, side_by_side, start
from emulator.simulation.load import Phases, Recorded, recorded
from emulator.simulation.options import phases
from emulator.simulation.page import page
from emulator.simulation.png import draw
from emulator.simulation.result import Result
from emulator.simulation.sweep import cheapest, variant
from emulator.simulation.world import Machine

Documents = list[tuple[Kind, Object]]


def run(options: argparse.Namespace) -> int:
    """Simulate and print; returns 0, or 1 where nothing swept meets what was asked for. Raises UserError."""
    if options.p99 is not None and not options.sweep:
        raise UserError("--p99 asks which value of a --sweep is the cheapest: say what is swept")
    variants = [(" ".join(names), read_manifests(names, options.namespace)) for names in _files(options)]
    if options.sweep:
        variants = _swept(options, variants[0][1])
    results = side_by_side(_runs(options, variants))
    warn(results)
    if options.record:
        write(options.record, Record(results[0].header, results[0].rows))
    best = None if options.p99 is None else cheapest(results, options.p99)
    if options.out:
        _draw(options, results, terminal.verdict(best, options.p99) if options.p99 is not None else "")
    if options.json:
        found = [document(result) for result in results]
        json.dump(found[0] if len(found) == 1 else found, sys.stdout)
        sys.stdout.write("\n")
    else:
        for line in _lines(options, results, best):
            print(line)
    return int(options.p99 is not None and best is None)


def _draw(options: argparse.Namespace, results: list[Result], said: str) -> None:
    load = f"the record {options.trace}" if options.trace else ", ".join(phase.text for phase in phases(options))
    subtitle = f"{load}; seed {options.seed}"
    try:
        if options.out.suffix.lower() == ".png":
            draw(results, options.out)
        else:
            options.out.write_text(page(results, subtitle, said), encoding="utf-8")
    except OSError as error:
        raise UserError(f"can't write {options.out}: {error.strerror}") from error


def _files(options: argparse.Namespace) -> list[list[str]]:
    """Manifest files of each variant."""
    if options.compare and options.sweep:
        raise UserError("--compare and --sweep are two questions: ask one after the other")
    return [options.filename, *([name] for name in options.compare)]


def _swept(options: argparse.Namespace, documents: Documents) -> list[tuple[str, Documents]]:
    sweep, service = options.sweep, service_of(documents, options.to)
    try:
        return [(f"{sweep.name}={value}", variant(documents, service, sweep.name, value)) for value in sweep.values]
    except ValueError as error:
        raise UserError(f"--sweep {sweep.name}: {error}") from error


def _lines(options: argparse.Namespace, results: list[Result], best: Result | None) -> Iterator[str]:
    if options.sweep:
        yield from terminal.sweep(results)
        if options.p99 is not None:
            yield ""
            yield terminal.verdict(best, options.p99)
    elif len(results) > 1:
        yield from terminal.comparison(results)
    else:
        yield from terminal.report(results[0])


def document(result: Result) -> dict[str, Any]:
    """A result as JSON: figures, a row for each second, and each decision."""
    return {
        "title": result.title,
        "summary": _rounded(result.summary()),
        "seconds": [_rounded(second._asdict()) for second in result.series],
        "decisions": [{"before": before} | to_builtins(row) for before, row in result.decisions],
    }


def _rounded(value: Any) -> Any:
    """Clocks of today's date are no finer than this."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return round(value, 6) if isinstance(value, float) else value


def _runs(options: argparse.Namespace, variants: Iterable[tuple[str, Documents]]) -> list[Run]:
    """The same load against each variant."""
    settings, record = read_settings(options.config), _recorded(options)
    settings = settings.with_demo() if options.demo else settings
    try:
        return [
            start(
                documents,
                record or Phases(phases(options), service_of(documents, options.to), even=options.even),
                machine=machine(options),
                config_maps=settings.config,
                seed=options.seed,
                title=title,
            )
            for title, documents in variants
        ]
    except ConfigError as error:
        raise UserError(f"{settings.file}: {error}") from error


def _recorded(options: argparse.Namespace) -> Recorded | None:
    """The requests of the trace; None where the load is told in words."""
    if bool(options.load) == bool(options.trace):
        raise UserError("say what comes: --load 'ramp 0..500 rps 60s', or --trace FILE")
    if options.load:
        return None
    try:
        return recorded(read(options.trace))
    except ValueError as error:
        raise UserError(f"{options.trace}: {error}") from error


def warn(results: Iterable[Result]) -> None:
    """Print what admission has to say of the manifests, once."""
    for warning in dict.fromkeys(warning for result in results for warning in result.warnings):
        print(f"Warning: {warning}", file=sys.stderr)


def machine(options: argparse.Namespace) -> Machine:
    said = {"start": options.start} if options.start else {}
    return Machine(
        **said,
        service=options.service,
        cpu=options.cpu,
        cores=options.cores,
        most=options.instances,
        threads=options.threads,
        batch=options.batch,
    )
