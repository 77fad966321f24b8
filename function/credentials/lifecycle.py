"""What becomes of users, whoever has it done, and that it is told (C3)."""

from function.eventing.outbox import Outbox
from function.store import users
from function.store.base import Connection
from function.store.users import User


def create(connection: Connection, outbox: Outbox, user: User) -> bool:
    """Insert a new user and tell of it, in a transaction that goes on; False where the name is taken."""
    added = users.add(connection, user)
    if added:
        outbox.add(connection, "user.created", user.id, {"name": user.name}, user.created_at)
    return added


def disable(connection: Connection, outbox: Outbox, user: User, now: int, *, disabled: bool) -> None:
    """Disable a user, which ends the sessions, and tell of it, or enable, in a transaction that goes on."""
    if disabled != (user.disabled_at is not None):
        users.set_disabled(connection, user.name, now if disabled else None)
        if disabled:
            outbox.add(connection, "user.disabled", user.id, {"name": user.name}, now)
