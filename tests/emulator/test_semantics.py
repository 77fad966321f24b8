"""Rules that re-implementations of Knative get wrong, each as a transcript: see tests/emulator/semantics."""

import pytest
from transcript import Scenario, Transcript
from transcript_page import PAGE, page, transcripts
from transcript_play import CHECKS, VERBS, play

TRANSCRIPTS = transcripts()


@pytest.mark.parametrize(
    ("transcript", "scenario"),
    [
        pytest.param(transcript, scenario, id=f"{transcript.number:02d} {scenario.title}")
        for transcript in TRANSCRIPTS
        for scenario in transcript.scenarios
    ],
)
def test_semantics(transcript: Transcript, scenario: Scenario) -> None:
    try:
        play(scenario)
    except Exception as error:
        error.add_note(f"rule {transcript.number}, {transcript.file.name}: {transcript.rule}")
        raise


def test_each_rule_has_a_transcript_of_its_own() -> None:
    assert [transcript.number for transcript in TRANSCRIPTS] == list(range(1, 45))


def test_the_page_tells_of_all_of_them() -> None:
    assert PAGE.read_text() == page(TRANSCRIPTS), "python tests/support/transcript_page.py makes it anew"


def test_each_scenario_looks_at_something() -> None:
    for transcript in TRANSCRIPTS:
        assert transcript.scenarios
        for scenario in transcript.scenarios:
            assert {line.verb for line in scenario.lines} & CHECKS.keys(), (transcript.number, scenario.title)
            assert {line.verb for line in scenario.lines} <= VERBS.keys(), (transcript.number, scenario.title)
