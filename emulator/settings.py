"""The small configuration file of the emulator (`knative-emulator.yaml`), and the profile for trying things out.

images:                          # which command stands for an image in the process runtime
  dev.local/knative-login: login-function serve
config:                          # Knative's own ConfigMaps, by name, with Knative's own keys
  config-autoscaler: {stable-window: 30s}
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from emulator.core.config import AutoscalerConfig, DeploymentConfig, GcConfig
from emulator.core.config_defaults import FEATURES, DefaultsConfig
from emulator.core.domains import NetworkConfig
from emulator.core.settings import rows
from emulator.errors import UserError

DEFAULT_FILE = Path("knative-emulator.yaml")
#: `--demo`: zero is seen within 15 s of the last request. 6 s is the shortest window that Knative admits.
DEMO = {"config-autoscaler": {"stable-window": "6s", "scale-to-zero-grace-period": "5s"}}

ConfigMaps = Mapping[str, Mapping[str, str]]

_SETTINGS = {
    "config-autoscaler": AutoscalerConfig,
    "config-defaults": DefaultsConfig,
    "config-deployment": DeploymentConfig,
    "config-gc": GcConfig,
    "config-network": NetworkConfig,
}
#: Keys of the ConfigMaps that have an effect; those of config-domain are the user's own domains.
_KEYS: dict[str, set[str]] = {
    **{
        name: {key for _, row in rows(of) for key in (row.key, row.legacy_key) if key} for name, of in _SETTINGS.items()
    },
    "config-features": {row.key for row in FEATURES},
    "config-domain": set(),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says. `file` is where a person adds what is missing; `folder` is where commands run."""

    file: Path
    images: Mapping[str, str] = field(default_factory=dict)
    config: ConfigMaps = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises UserError for a ConfigMap or a key of one that Knative doesn't have: it would have no effect."""
        for name, data in self.config.items():
            known = _KEYS.get(name)
            if known is None:
                raise UserError(f"{self.file}: config.{name} is no ConfigMap known here; there are {', '.join(_KEYS)}")
            if known and (unknown := sorted(set(data) - known)):
                keys = ", ".join(sorted(known))
                raise UserError(f"{self.file}: config.{name}: {unknown[0]} has no effect here; there are {keys}")

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
