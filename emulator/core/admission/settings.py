"""The ConfigMaps that admission looks at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from emulator.core.config import AutoscalerConfig
from emulator.core.config_defaults import DefaultsConfig, Flags, features
from emulator.core.settings import load


@dataclass(frozen=True, slots=True)
class AdmissionConfig:
    """config-defaults, config-features and config-autoscaler, read."""

    defaults: DefaultsConfig = field(default_factory=DefaultsConfig)
    features: Flags = field(default_factory=lambda: features({}))
    autoscaler: AutoscalerConfig = field(default_factory=AutoscalerConfig)

    @classmethod
    def load(cls, config_maps: Mapping[str, Mapping[str, str]]) -> Self:
        """From the data of the ConfigMaps, by name; those that are absent have their defaults. Raises ConfigError."""
        return cls(
            load(DefaultsConfig, config_maps.get("config-defaults", {})),
            features(config_maps.get("config-features", {})),
            load(AutoscalerConfig, config_maps.get("config-autoscaler", {})),
        )
