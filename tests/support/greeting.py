"""The greeter: a service in an image of its own, that knows nothing of the emulator, and containers that run it."""

from collections.abc import Callable
from typing import Any

from running import manifest

GREETER = "knative-emulator-greeter:test"

#: Lists the containers of the test's emulators; labels narrow it down.
Containers = Callable[..., list[Any]]


def greeter(name: str = "greeter", env: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    return manifest(name, env=env, image=GREETER, **options)
