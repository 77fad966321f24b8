"""Transcripts: what happens to a whole emulator on the simulated clock, and what must be seen of it, second by second.

A file begins with its rule as comments, `# 7. Up limit = ...`. Each `== title` begins an emulator of its own. A line is

    SECOND  VERB  words

and the second is `-` for what is there before it all begins. Lines that begin with a space go on with the line above
them: YAML for `apply`, `config` and `holds`, text for the others. After a path that ends with a colon
(`spec.template.spec:`) the YAML is what is there. The verbs are the functions of transcript_acts.py, for what happens,
and transcript_looks.py, for what must be seen.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

#: When a transcript's second 0 is: an even Unix second, so that its seconds and ticks are those of the buckets.
BEFORE = -1.0


class Line(NamedTuple):
    """One thing that happens or must be seen; `block` is what stands under it."""

    number: int
    second: float
    verb: str
    text: str
    block: str

    @property
    def words(self) -> list[str]:
        """The words, as a shell would read them."""
        return [re.sub(r'"([^"]*)"', r"\1", word) for word in re.findall(r'(?:"[^"]*"|\S)+', self.text)]

    @property
    def told(self) -> str:
        """All of it as one text; quotation marks around it keep the spaces at its ends."""
        lines = [self.text, *(line.strip() for line in self.block.splitlines())]
        return "\n".join(line[1:-1] if re.fullmatch(r'".*"', line) else line for line in lines if line)

    def document(self) -> Any:
        """The YAML under it, at the path that the line ends with."""
        content = yaml.safe_load(self.block)
        last = self.words[-1] if self.words else ""
        for key in reversed(last[:-1].split(".")) if last.endswith(":") else ():
            content = Items({int(key): content}) if key.isdigit() else {key: content}
        return content


class Items(dict[int, Any]):
    """Some of a list's items, by index."""


class Scenario(NamedTuple):
    """One emulator's story."""

    title: str
    lines: tuple[Line, ...]


class Transcript(NamedTuple):
    """A file: the number of a rule, its words, and the scenarios that show it."""

    file: Path
    number: int
    rule: str
    scenarios: tuple[Scenario, ...]


def read(file: Path) -> Transcript:
    """Raises ValueError for what is no transcript."""
    text = file.read_text()
    head = re.match(r"(# \d+\. .*\n(?:#.*\n)*)", text)
    if not head:
        raise ValueError(f"{file.name} does not begin with its rule: # 7. Up limit = ...")
    number, _, rule = " ".join(head[1].replace("\n#", "\n").removeprefix("# ").split()).partition(". ")
    starts = [*re.finditer(r"^== (.*)\n", text, re.MULTILINE)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    scenarios = tuple(
        Scenario(start[1], tuple(_lines(text[start.end() : end], text[: start.end()].count("\n"))))
        for start, end in zip(starts, ends, strict=True)
    )
    return Transcript(file, int(number), rule, scenarios)


def _lines(text: str, before: int) -> Iterator[Line]:
    for found in re.finditer(r"^(-|[\d.]+) +(\S+) *(.*)\n((?:[ ]+.*\n)*)|^(?!#|\n)(.+)\n", text, re.MULTILINE):
        second, verb, words, block, odd = found.groups()
        number = before + text[: found.start()].count("\n") + 1
        if odd:
            raise ValueError(f"line {number} is no line of a transcript: {odd}")
        yield Line(number, BEFORE if second == "-" else float(second), verb, words.rstrip(), block)


def merged(document: Any, change: Any) -> Any:
    """The document with a change over it: maps key by key, lists whole."""
    if isinstance(change, Items):
        items = list(document or [])
        for index, item in change.items():
            items[index : index + 1] = [merged(items[index] if index < len(items) else None, item)]
        return items
    if not isinstance(change, dict):
        return change
    found = document if isinstance(document, dict) else {}
    return found | {key: merged(found.get(key), value) for key, value in change.items()}


def difference(wanted: Any, found: Any, path: str = "") -> str:
    """What of the wanted part is not there; "" if all of it is. `null` is wanted for what must be absent."""
    if isinstance(wanted, Items):
        each = ((f"{path}.{i}", w, found[i] if i < len(found or []) else None) for i, w in wanted.items())
    elif isinstance(wanted, dict) and isinstance(found, dict):
        each = ((f"{path}.{key}", value, found.get(key)) for key, value in wanted.items())
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        each = ((f"{path}.{i}", w, f) for i, (w, f) in enumerate(zip(wanted, found, strict=True)))
    else:
        return "" if wanted == found else f"{path.lstrip('.')} is {found!r}, not {wanted!r}"
    return next((told for where, w, f in each if (told := difference(w, f, where))), "")
