"""What the rest of the core calls a revision: its key."""

from typing import NamedTuple


class RevisionKey(NamedTuple):
    """Names one revision on this machine."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
