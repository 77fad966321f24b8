"""The small configuration file of the emulator (`knative-emulator.yaml`), and the profile for trying things out.

images:                          # which command stands for an image in the process runtime
  dev.local/knative-login: login-function serve
config:                          # Knative's own ConfigMaps, by name, with Knative's own keys
  config-autoscaler: {stable-window: 30s}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from emulator.errors import UserError

DEFAULT_FILE = Path("knative-emulator.yaml")
#: `--demo`: zero is seen within 15 s of the last request. 6 s is the shortest window that Knative admits.
DEMO = {"config-autoscaler": {"stable-window": "6s", "scale-to-zero-grace-period": "5s"}}

ConfigMaps = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says. `file` is where a person adds what is missing; `folder` is where commands run."""

    file: Path
    images: Mapping[str, str] = field(default_factory=dict)
    config: ConfigMaps = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.file.absolute().parent

    def with_demo(self) -> "Settings":
        """The same with the demo profile over it."""
        merged = {name: dict(self.config.get(name, {})) | DEMO.get(name, {}) for name in {*self.config, *DEMO}}
        return replace(self, config=merged)


def read_settings(file: Path | None) -> Settings:
    """Read the file, or `knative-emulator.yaml` of this folder if there is one. Raises UserError."""
    if file is None and not DEFAULT_FILE.exists():
        return Settings(DEFAULT_FILE)
    file = file or DEFAULT_FILE
    try:
        document = yaml.safe_load(file.read_text()) or {}
    except OSError as error:
        raise UserError(f"can't read the configuration file {file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{file} is not YAML: {error}") from error
    if not isinstance(document, dict) or (unknown := set(document) - {"images", "config"}):
        raise UserError(f"{file} may hold `images:` and `config:`" + (f", not {sorted(unknown)}" if unknown else ""))
    return Settings(
        file,
        images=_table(document.get("images"), f"{file}: images"),
        config={
            name: _table(keys, f"{file}: config.{name}")
            for name, keys in _mapping(document.get("config"), f"{file}: config").items()
        },
    )


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
