"""docs/your-project.md and its example, typed in by a machine in a copy of the example."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from running import PATIENCE

from emulator.runtimes.process import free_port

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "your-project.md", DOCS / "example/README.md"]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language that need nothing but this machine."""
    found = re.findall(r"(<!-- needs: \w+ -->\n)?```(\w+)\n(.*?)```", page.read_text(), re.DOTALL)
    return [text for needs, written_in, text in found if written_in == language and not needs]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    copied = shutil.copytree(DOCS / "example", tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__"))
    return Path(copied)


def type_in(folder: Path, text: str, kubectl: str = "") -> str:
    """Type it into a shell, on ports that are free; all that it printed. Any failing command fails the test."""
    port = free_port()
    text = text.replace(":8080", f":{port}").replace(" up ", f" up --port {port} --api-port 0 ")
    path = [str(Path(sys.executable).parent), str(Path(kubectl).parent), os.environ["PATH"]]
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", f"trap 'knative-emulator down' EXIT\n{text}"],
        cwd=folder,
        env=env | {"HOME": str(folder.parent), "PATH": ":".join(path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_what_the_guide_says_to_type_works(example: Path, kubectl: str) -> None:
    printed = type_in(example, "".join(blocks(PAGES[0], "sh")), kubectl)
    assert printed.count('{"any": 1, "text": 1}') == 2
    assert "service.serving.knative.dev/wordcount condition met" in printed
    assert "default/wordcount-00001 had 1 instance" in printed


def test_what_the_example_says_to_type_works(example: Path) -> None:
    before = (example / "service.yaml").read_text()
    printed = type_in(example, "".join(blocks(PAGES[1], "sh")))
    assert '{"to": 2, "be": 2, "or": 1}' in printed
    assert '{"to": 2}' in printed
    assert "counted 6 words" in printed
    assert "wordcount-00002" in printed
    assert "instances, most" in printed
    assert re.search(r"\d+ passed in", printed)
    assert (example / "service.yaml").read_text() == before


def test_the_snippets_of_the_guide_are_tests_that_pass(example: Path) -> None:
    (example / "test_wordcount.py").write_text("import pytest\n" + "\n".join(blocks(PAGES[0], "python")))
    with (example / "test_wordcount.py").open("a") as file:
        file.write("\ndef test_fixture(wordcount):\n    assert wordcount.get('wordcount').ok\n")
    assert "3 passed" in type_in(example, "pytest -q")


def test_the_files_that_the_pages_show_are_the_example(example: Path) -> None:
    assert blocks(PAGES[1], "yaml") == [(example / "knative-emulator.yaml").read_text()]
    [recipe] = blocks(PAGES[0], "yaml")
    runs = [step["run"] for step in yaml.safe_load(recipe)["jobs"]["test"]["steps"] if "run" in step]
    image = yaml.safe_load((example / "service.yaml").read_text())["spec"]["template"]["spec"]["containers"][0]["image"]
    assert runs[1:] == ["pytest", f"docker build -t {image} .", "pytest --knative-runtime docker"]
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), link
