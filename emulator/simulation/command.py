"""`knative-emulator simulate`: ask beforehand."""

import argparse
import json
import sys
from typing import Any

from msgspec import to_builtins

from emulator.api.kinds import Kind
from emulator.api.store import Object
from emulator.core.settings import ConfigError
from emulator.errors import UserError
from emulator.manifests import read_manifests
from emulator.record.reader import read
from emulator.settings import read_settings
from emulator.simulation import terminal
from emulator.simulation.engine import service_of, simulate
from emulator.simulation.load import Phases, Recorded, recorded
from emulator.simulation.options import phases
from emulator.simulation.result import Result
from emulator.simulation.world import Machine

Documents = list[tuple[Kind, Object]]


def run(options: argparse.Namespace) -> int:
    """Simulate and print; returns 0. Raises UserError."""
    documents = read_manifests(options.filename, options.namespace)
    result = _simulated(options, documents, " ".join(options.filename))
    if options.json:
        json.dump(document(result), sys.stdout)
        sys.stdout.write("\n")
    else:
        for line in terminal.report(result):
            print(line)
    return 0


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


def _simulated(options: argparse.Namespace, documents: Documents, title: str) -> Result:
    settings = read_settings(options.config)
    settings = settings.with_demo() if options.demo else settings
    try:
        return simulate(
            documents,
            _load(options, documents),
            machine=_machine(options),
            config_maps=settings.config,
            seed=options.seed,
            title=title,
        )
    except ConfigError as error:
        raise UserError(f"{settings.file}: {error}") from error


def _load(options: argparse.Namespace, documents: Documents) -> Phases | Recorded:
    if bool(options.load) == bool(options.trace):
        raise UserError("say what comes: --load 'ramp 0..500 rps 60s', or --trace FILE")
    if options.load:
        return Phases(phases(options), service_of(documents, options.to), even=options.even)
    try:
        return recorded(read(options.trace))
    except ValueError as error:
        raise UserError(f"{options.trace}: {error}") from error


def _machine(options: argparse.Namespace) -> Machine:
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
