"""params.json: every key of the ConfigMaps, every annotation and label, and the constants.

A key is implemented with its default and range, or it is among those that are not emulated.
"""

from typing import Any

from emulator.core import breaker, decider, metrics
from emulator.core.admission import containers, volumes
from emulator.core.autoscaler import TICK_SECONDS
from emulator.core.breaker import QueueFullError
from emulator.core.config import SETTINGS
from emulator.core.config_defaults import FEATURES
from emulator.core.resources import DEFAULT_PORT
from emulator.core.settings import Setting, rows
from emulator.core.timeouts import TIMEOUT_TEXT, refusal
from emulator.core.vocabulary import CONFIG_MAPS_NOT_READ, KNOWN
from emulator.dataplane.refusals import TimedOutError
from emulator.scaling import next_report
from fidelity.comparison import WHOLE, Case, Comparison, Path

#: A default that is another key's value is none of its own.
_FOLLOWS = {"revision-response-start-timeout-seconds": "value of revision-timeout-seconds"}
#: Settings whose row and recorded key differ: the older of two keys for one thing has a row of its own.
_OLDER = {"internal-encryption": "system-internal-tls"}
#: The key is a domain that the user chooses.
_DOMAINS = {
    "<domain name>": {
        "legacy_key": "",
        "default": "svc.cluster.local with an empty selector, added when no entry has an empty selector",
        "range": "key is the domain",
    }
}
#: Constants that nothing here is like.
CONSTANTS_NOT_EMULATED = {
    "async_activator_probe": "the activator is in the same process and needs no probe over the network",
    "default_user_port_name": "containers have no generated Pod that would name it",
    "queue_proxy_https": "queue-proxy is part of the emulator and speaks no TLS",
    "public_service_http": "there are no Services in front of a revision",
    "public_service_h2c": "there are no Services in front of a revision",
}
_RESERVED_PORTS = (
    "queue_proxy_http",
    "queue_proxy_h2c",
    "queue_admin",
    "queue_metrics_for_autoscaler",
    "user_metrics",
    "profiling",
)


def told_config_maps() -> dict[str, Any]:
    told: dict[str, Any] = {
        name: {row.key: _told(row) for _, row in rows(of) if row.key not in _OLDER} for name, of in SETTINGS.items()
    }
    told["config-features"] = {row.key: _told(row) for row in FEATURES}
    told["config-domain"] = _DOMAINS
    return told | {name: {key: {"legacy_key": ""} for key in keys} for name, keys in CONFIG_MAPS_NOT_READ.items()}


def _told(row: Setting) -> dict[str, Any]:
    older = next((old for old, new in _OLDER.items() if new == row.key), "")
    # The older names of queue-proxy's resources were not recorded.
    legacy_keys = () if row.key.endswith(("-request", "-limit")) else row.legacy_keys
    legacy = {"legacy_key": legacy_keys[-1] if legacy_keys else older}
    return legacy | {"default": _FOLLOWS.get(row.key, row.default), "range": row.range}


def expected_config_maps(recorded: Case) -> dict[str, Any]:
    return {
        name: {
            row["key"]: {"legacy_key": row.get("legacy_key", "")}
            | {what: row[what] for what in ("default", "range") if name not in CONFIG_MAPS_NOT_READ}
            for row in keys
        }
        for name, keys in recorded.items()
    }


def ignored_of_config_maps(_: Case, path: Path) -> str:
    name, what = path[0], path[-1]
    if what in {"type", "meaning", "example_in_shipped_configmap"}:
        return "the type, the meaning and the example of a key are told in words of our own"
    if what in {"default", "range"} and name in CONFIG_MAPS_NOT_READ:
        return "default and range of a key that is not read"
    return ""


def told_keys() -> dict[str, Any]:
    return {
        known.key[0]: {
            "kind": known.kind,
            "aliases": sorted(known.key[1:]),
            "set_by": "user" if known.by_user else "system",
            "range": known.range,
        }
        for known in KNOWN
    }


def expected_keys(recorded: Case) -> dict[str, Any]:
    return {
        row["key"]: {
            "kind": row["kind"],
            "aliases": sorted(row["aliases"]),
            "set_by": row["set_by"],
            "range": row["range"],
        }
        for row in recorded
    }


def ignored_of_keys(_: Case, path: Path) -> str:
    words = "the level, the type and the meaning of a key are told in words of our own"
    return words if path[1] in {"level", "type", "meaning"} else ""


def constants(_: Case) -> dict[str, Any]:
    window = metrics.Window(2)
    window.record(0, 1 / 3)
    full = refusal(QueueFullError())
    return {
        "tick_interval_s": TICK_SECONDS,
        "scrape_interval_s": next_report(next_report(0)) - next_report(0),
        "metric_bucket_s": metrics.BUCKET_SECONDS,
        "weighted_average": {
            "min_coefficient": metrics.MIN_COEFFICIENT,
            "weight_precision": metrics.WEIGHT_PRECISION,
        },
        "average_rounding_digits": len(str(window.average(0))) - len("0."),
        "activation_timeout_buffer_s": decider.ACTIVATION_TIMEOUT_BUFFER,
        "min_activators": decider.MIN_ACTIVATORS,
        "activator_queue_depth": breaker.ACTIVATOR_QUEUE_DEPTH,
        "queue_proxy_queue_depth": f"{breaker.QUEUE_PROXY_DEPTH_FACTOR} * containerConcurrency",
        "ports": {"reserved": sorted(containers.RESERVED_PORTS), "default_user_port": DEFAULT_PORT},
        "reserved_env": sorted({*containers.RESERVED_ENV, containers.PORT_VARIABLE}),
        "reserved_container_name": [*containers.RESERVED_NAMES],
        "reserved_mount_paths": sorted(volumes.RESERVED_PATHS),
        "timeout_bodies": {who: text.decode() for who, text in TIMEOUT_TEXT.items()},
        "timeout_status": TimedOutError.status,
        "overload_status": full.status,
        "overload_body": full.body.decode().strip(),
    }


def expected_constants(recorded: Case) -> dict[str, Any]:
    kept = {key: value for key, value in recorded.items() if key not in CONSTANTS_NOT_EMULATED}
    ports = recorded["ports"]
    kept["ports"] = {
        key: value for key, value in ports.items() if key not in {*_RESERVED_PORTS, *CONSTANTS_NOT_EMULATED}
    } | {"reserved": sorted(ports[key] for key in _RESERVED_PORTS)}
    return kept | {
        "reserved_env": sorted(recorded["reserved_env"]),
        "reserved_container_name": [recorded["reserved_container_name"]],
        "reserved_mount_paths": sorted(recorded["reserved_mount_paths"]),
    }


def ignored_of_constants(_: Case, path: Path) -> str:
    return next((why for key, why in CONSTANTS_NOT_EMULATED.items() if key in path), "")


COMPARISONS = (
    Comparison(
        "params", "config_maps", lambda _: told_config_maps(), (WHOLE,), expected_config_maps, ignored_of_config_maps
    ),
    Comparison("params", "annotations_and_labels", lambda _: told_keys(), (WHOLE,), expected_keys, ignored_of_keys),
    Comparison("params", "constants", constants, (WHOLE,), expected_constants, ignored_of_constants),
)
