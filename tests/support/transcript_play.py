"""Plays transcripts: the table of verbs, and one scenario from its first line to its last."""

from collections.abc import Callable, Mapping

from transcript import BEFORE, Line, Scenario
from transcript_acts import ACTS
from transcript_looks import LOOKS, count
from transcript_stage import Stage

Verb = Callable[[Stage, Line], None]

CHECKS: Mapping[str, Verb] = {"=": count, **{verb.__name__: verb for verb in LOOKS}}
VERBS: Mapping[str, Verb] = {**{verb.__name__: verb for verb in ACTS}, **CHECKS}


def play(scenario: Scenario) -> None:
    """Play it on a stage of its own; where something else is seen, the error has the line as a note."""
    stage = Stage()
    with stage.closing:
        _play(stage, scenario)


def _play(stage: Stage, scenario: Scenario) -> None:
    begun = False
    for line in scenario.lines:
        try:
            if line.second > BEFORE and not begun:
                begun = True
                stage.begin()
            if stage.refusal:
                assert line.verb == "refused", f"refused: {stage.refusal}"
            elif begun:
                stage.run_until(line.second)
            VERBS[line.verb](stage, line)
        except Exception as error:
            error.add_note(f"line {line.number}: {line.second:g} {line.verb} {line.text}")
            raise
    assert not stage.refusal, stage.refusal
