"""What keeps a deleted object in the store until its controller has cleaned up after it."""

from emulator.api.kinds import Kind
from emulator.api.store import Object, Store
from emulator.events import Events, finalizers_updated


class Finalizer:
    """One kind's, by name; `component` is the controller that tells of it."""

    def __init__(self, store: Store, events: Events, kind: Kind, name: str, component: str) -> None:
        self._store = store
        self._events = events
        self._kind = kind
        self._name = name
        self._component = component

    def hold(self, stored: Object, *, held: bool) -> Object:
        """Keep an object from now on, or no longer; returns it as it is stored then."""
        meta = stored["metadata"]
        others = [each for each in meta.get("finalizers", ()) if each != self._name]
        wanted = [*others, self._name] if held else others
        if wanted == meta.get("finalizers", []):
            return stored
        rest = {key: value for key, value in meta.items() if key != "finalizers"}
        self._events.tell(stored, finalizers_updated(meta["name"], self._component))
        return self._store.update(self._kind, stored | {"metadata": rest | ({"finalizers": wanted} if wanted else {})})
