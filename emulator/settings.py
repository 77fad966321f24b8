"""The small configuration file of the emulator (`knative-emulator.yaml`), and the profile for trying things out.

images:                          # which command stands for an image in the process runtime
  dev.local/knative-login: login-function serve
config:                          # Knative's own ConfigMaps, by name, with Knative's own keys
  config-autoscaler: {stable-window: 30s}
node: {cpu: 4, memory: 8Gi}      # what this machine is taken to have for instances: see core.scheduling
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from emulator.core.config import SETTINGS
from emulator.core.config_defaults import FEATURES
from emulator.core.scheduling import RESOURCES, Node, NodeSettings
from emulator.core.settings import ConfigError, Setting, load, rows
from emulator.core.vocabulary import CONFIG_MAPS_NOT_READ
from emulator.errors import UserError

DEFAULT_FILE = Path("knative-emulator.yaml")
#: `--demo`: zero is seen within 15 s of the last request. 6 s is the shortest window that Knative admits.
DEMO = {"config-autoscaler": {"stable-window": "6s", "scale-to-zero-grace-period": "5s"}}

ConfigMaps = Mapping[str, Mapping[str, str]]

#: The rows of each ConfigMap by all spellings of their keys; those of config-domain are the user's own domains.
_ROWS: dict[str, dict[str, Setting]] = {
    **{name: {key: row for _, row in rows(of) for key in row.spellings} for name, of in SETTINGS.items()},
    "config-features": {row.key: row for row in FEATURES},
    "config-domain": {},
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says. `file` is where a person adds what is missing; `folder` is where commands run."""

    file: Path
    images: Mapping[str, str] = field(default_factory=dict)
    config: ConfigMaps = field(default_factory=dict)
    node: Node = field(default_factory=lambda: _node({}))

    def __post_init__(self) -> None:
        """Raises UserError for what would have no effect: it is not Knative's, or not emulated."""
        for name, data in self.config.items():
            if name not in _ROWS:
                why = "is not emulated" if name in CONFIG_MAPS_NOT_READ else "is no ConfigMap known here"
                raise UserError(f"{self.file}: config.{name} {why}; there are {', '.join(_ROWS)}")
            for key, text in data.items() if _ROWS[name] else ():
                self._check(name, key, text)

    def _check(self, name: str, key: str, text: str) -> None:
        row = _ROWS[name].get(key)
        if row is None:
            known = ", ".join(sorted(row.key for row in set(_ROWS[name].values()) if not row.not_emulated))
            raise UserError(f"{self.file}: config.{name}: {key} has no effect here; there are {known}")
        # What a cluster does by default is done here too, so that much may be said.
        if row.not_emulated and text != row.default:
            raise UserError(f"{self.file}: config.{name}: {key} is not emulated, leave it out: {row.not_emulated}")

    @property
    def folder(self) -> Path:
        return self.file.parent

    def with_demo(self) -> "Settings":
        """The same with the demo profile over it."""
        merged = {name: dict(self.config.get(name, {})) | DEMO.get(name, {}) for name in {*self.config, *DEMO}}
        return replace(self, config=merged)


def read_settings(file: Path | None) -> Settings:
    """Read the file, or `knative-emulator.yaml` of this folder if there is one. Raises UserError."""
    if file is None and not DEFAULT_FILE.exists():
        return Settings(DEFAULT_FILE.absolute())
    file = (file or DEFAULT_FILE).absolute()
    try:
        document = yaml.safe_load(file.read_text()) or {}
    except OSError as error:
        raise UserError(f"can't read the configuration file {file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{file} is not YAML: {error}") from error
    if not isinstance(document, dict) or (unknown := set(document) - {"images", "config", "node"}):
        raise UserError(
            f"{file} may hold `images:`, `config:` and `node:`" + (f", not {sorted(unknown)}" if unknown else "")
        )
    node = _mapping(document.get("node"), f"{file}: node")
    if unread := set(node) - {row.key for _, row in rows(NodeSettings)}:
        known = ", ".join(row.key for _, row in rows(NodeSettings))
        raise UserError(f"{file}: node: {min(unread)} is nothing known of a node; there are {known}")
    try:
        # A bare number or true is no text in YAML, and as good as one here.
        found = _node({key: value if isinstance(value, str) else str(value).lower() for key, value in node.items()})
    except ConfigError as error:
        raise UserError(f"{file}: {error}") from error
    return Settings(
        file,
        node=found,
        images=_table(document.get("images"), f"{file}: images"),
        config={
            name: _table(keys, f"{file}: config.{name}")
            for name, keys in _mapping(document.get("config"), f"{file}: config").items()
        },
    )


class LiveImages(Mapping[str, str]):
    """The table of images as the file has it now: a line that is added is found at the next start of an instance."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._read_at = _changed_at(settings.file)

    def __getitem__(self, image: str) -> str:
        return self._now()[image]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> Mapping[str, str]:
        changed = _changed_at(self._settings.file)
        if changed != self._read_at:
            # A file that is being written, or is wrong now, leaves the table as it was.
            with contextlib.suppress(UserError):
                self._settings = read_settings(self._settings.file)
                self._read_at = changed
        return self._settings.images


def _node(data: Mapping[str, str]) -> Node:
    """What is said of the node, and of this machine what is not. Raises ConfigError."""
    said = load(NodeSettings, data)
    machine = {
        "cpu": (os.cpu_count() or 1) * RESOURCES["cpu"],
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }
    return Node(
        {"cpu": said.cpu or machine["cpu"], "memory": said.memory or machine["memory"]}, said.overcommit, said.pods
    )


def _changed_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UserError(f"{where} must be a table of names")
    return value


def _table(value: Any, where: str) -> dict[str, str]:
    table = _mapping(value, where)
    if wrong := [key for key, text in table.items() if not isinstance(text, str)]:
        raise UserError(f"{where}.{wrong[0]} must be a text: put it in quotes")
    return table
