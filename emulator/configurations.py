"""A Configuration's Revisions: one for each generation, the old ones collected, and its status from theirs."""

from collections.abc import Mapping, Sequence

from emulator.api.kinds import CONFIGURATION, REVISION
from emulator.api.store import Key, Object, Store, is_deleted
from emulator.core import annotations as keys
from emulator.core import children
from emulator.core.conditions import timestamp
from emulator.core.config import GcConfig
from emulator.core.gc import Candidate, collect
from emulator.core.naming import revision_name
from emulator.core.settings import load
from emulator.core.status import configuration_status, given_name, name_conflict
from emulator.events import Events, created, of_configuration


class ConfigurationReconciler:
    """Reconciles Configurations, those of Services and those that stand alone."""

    def __init__(self, store: Store, config_maps: Mapping[str, Mapping[str, str]], events: Events) -> None:
        """Raises ConfigError."""
        self._store = store
        self._events = events
        self._gc = load(GcConfig, config_maps.get("config-gc", {}))

    def reconcile(self, key: Key, now: float) -> None:
        """One pass over a Configuration at `now` (Unix seconds)."""
        configuration = self._store.find(CONFIGURATION, *key)
        if configuration is None or is_deleted(configuration):
            return
        created, conflict = self._latest(configuration, now)
        revisions = self._revisions_of(configuration)
        status = configuration_status(configuration, created, revisions, now, creation_error=conflict)
        after = self._store.update_status(CONFIGURATION, configuration, status)
        self._events.tell(after, *of_configuration(configuration.get("status", {}), status))
        self._collect(after, revisions, now)

    def _latest(self, configuration: Object, now: float) -> tuple[str, str]:
        """The name of the Revision for a Configuration's generation, made if it is missing, or why it can't be."""
        meta = configuration["metadata"]
        name = revision_name(meta["name"], meta["generation"], given_name(configuration))
        named = self._store.find(REVISION, meta["namespace"], name)
        if named is None:
            self._store.create(REVISION, children.revision(configuration, name, timestamp(now)))
            self._events.tell(configuration, created("Revision", name, "configuration-controller"))
        return name, name_conflict(configuration, named)

    def _revisions_of(self, configuration: Object) -> Sequence[Object]:
        meta = configuration["metadata"]
        return [
            revision
            for revision in self._store.all(REVISION, meta["namespace"])
            if revision["metadata"].get("labels", {}).get(keys.CONFIGURATION_LABEL) == meta["name"]
        ]

    def _collect(self, configuration: Object, revisions: Sequence[Object], now: float) -> None:
        """Delete old revisions; what they still run ends after its requests."""
        status, namespace = configuration["status"], configuration["metadata"]["namespace"]
        candidates = [Candidate.of(revision) for revision in revisions]
        for name in collect(candidates, status.get("latestReadyRevisionName", ""), self._gc, now):
            # The Revision of the newest generation would only be made anew.
            if name != status.get("latestCreatedRevisionName"):
                self._store.delete(REVISION, namespace, name)
