"""`python tests/support/transcript_page.py` writes docs/semantics.md from the heads of the transcripts."""

from collections.abc import Iterable
from pathlib import Path

from transcript import Transcript, read

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests/emulator/semantics"
PAGE = ROOT / "docs/semantics.md"
_HEAD = """# What the emulator shows of Knative

Rules that a re-implementation easily gets wrong. Each has a transcript: manifests, load and failures at the seconds
they come, and what must be seen then, replayed on a simulated clock through the API, admission, controller and
decisions (`pytest tests/emulator/test_semantics.py`, a few seconds for all). How to read one, and its verbs, is told at
the top of `tests/support/transcript.py`; its verbs are `transcript_acts.py` and `transcript_looks.py` beside it.

This page is made from the heads of the transcripts: `python tests/support/transcript_page.py`.
"""


def transcripts() -> list[Transcript]:
    """All of them, by number."""
    return [read(file) for file in sorted(FOLDER.glob("*.txt"))]


def page(transcripts: Iterable[Transcript]) -> str:
    entries = [
        f"**{it.number}.** {_escaped(it.rule)}\n[{it.file.name}](../{it.file.relative_to(ROOT)}):"
        f" {_escaped('; '.join(scenario.title for scenario in it.scenarios))}.\n"
        for it in transcripts
    ]
    return "\n".join([_HEAD, *entries])


def _escaped(text: str) -> str:
    return text.replace("*", "\\*").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(transcripts()))
