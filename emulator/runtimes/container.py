"""What a container is made with: a Launch in the words of the Docker SDK. Nothing here talks to an engine.

The rules are the kubelet's (pkg/kubelet/kuberuntime: container limits, security context, image pull policy).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulator.core.environment import expand_all
from emulator.core.quantity import parse_quantity
from emulator.errors import LaunchError
from emulator.runtimes.base import Launch

#: The kernel's share of CPU time is given out in periods of so many microseconds, of which no less than MIN_QUOTA.
CPU_PERIOD, MIN_QUOTA = 100_000, 1_000
#: Weight of one core among those who want more than there is, and the least weight.
CPU_SHARES, MIN_SHARES = 1024, 2
#: A name of a host has no more letters; Kubernetes cuts a pod's name the same way.
HOSTNAME_LIMIT = 63


def container_options(
    launch: Launch, *, image_user: str, labels: Mapping[str, str], publish: bool, folder: Path
) -> dict[str, Any]:
    """Arguments for `containers.create`.

    Args:
        launch: what is to run.
        image_user: the image's own USER, "" for none.
        labels: to find the container by.
        publish: whether the serving port is to be reached by a random one of the loopback.
        folder: where its volumes with files are, each in a folder of its name.

    Raises:
        LaunchError: the kubelet would not create such a container either.
    """
    env = {**launch.env, "PORT": str(launch.container_port)} if launch.container_port else dict(launch.env)
    command, args = (list(expand_all(texts, env)) for texts in (launch.command, launch.args))
    return {
        "image": launch.image,
        # The names that pods have, so that `docker ps` and `get pods` tell of the same.
        "name": ".".join(filter(None, launch.key)),
        **_network(launch, publish=publish),
        "labels": dict(labels),
        "environment": env,
        "entrypoint": command or None,
        "command": args or None,
        "working_dir": launch.working_dir,
        # Kubernetes has probes of its own and ignores the image's.
        "healthcheck": {"test": ["NONE"]},
        "mounts": [_mount(mount, launch, folder) for mount in launch.container.get("volumeMounts") or ()],
        **_resources(launch.container.get("resources") or {}),
        **_security(launch.container.get("securityContext") or {}, image_user),
    }


def _network(launch: Launch, *, publish: bool) -> dict[str, Any]:
    """The serving container has a network, and a host's name in it; those beside it are in the same."""
    if launch.sidecar:
        return {"network_mode": f"container:{launch.instance}"}
    ports = {f"{launch.container_port}/tcp": ("127.0.0.1", None)} if publish else {}
    return {"hostname": launch.instance[:HOSTNAME_LIMIT].rstrip("-."), "ports": ports}


def _mount(mount: Mapping[str, Any], launch: Launch, folder: Path) -> dict[str, Any]:
    """A mount in the words of the engine's API."""
    [volume] = (it for it in launch.pod["volumes"] if it["name"] == mount["name"])
    target, sub_path = mount["mountPath"], mount.get("subPath") or ""
    if "emptyDir" not in volume:
        return {
            "Type": "bind",
            "Target": target,
            "Source": _source(folder / volume["name"], sub_path),
            "ReadOnly": True,
        }
    if sub_path:
        raise LaunchError(
            "CreateContainerConfigError", f'the emptyDir volume "{volume["name"]}" can be mounted as a whole only'
        )
    return {
        "Type": "volume",
        "Target": target,
        "Source": empty_dir(launch.instance, volume["name"]),
        "ReadOnly": bool(mount.get("readOnly")),
        # It is empty, also where the image has files.
        "VolumeOptions": {"NoCopy": True},
    }


def empty_dir(instance: str, volume: str) -> str:
    """The engine's name for an emptyDir of an instance."""
    return f"{instance}.{volume}"


def _source(volume: Path, sub_path: str) -> str:
    """Where a mount of a volume begins: a part of it is what it is now, and does not change any more."""
    source = (volume / sub_path).resolve()
    if not (source.is_relative_to(volume.resolve()) and (source.exists() or not sub_path)):
        raise LaunchError(
            "CreateContainerConfigError", f'failed to prepare subPath "{sub_path}" of volume "{volume.name}"'
        )
    return str(source)


def _resources(resources: Mapping[str, Any]) -> dict[str, Any]:
    limits = resources.get("limits") or {}
    requests = limits | (resources.get("requests") or {})
    options: dict[str, Any] = {}
    if "cpu" in limits:
        # As --cpus, except that more cores than the machine has is no error, as it is none for the kubelet.
        quota = max(int(parse_quantity(limits["cpu"]).value * CPU_PERIOD), MIN_QUOTA)
        options |= {"cpu_period": CPU_PERIOD, "cpu_quota": quota}
    if "cpu" in requests:
        options["cpu_shares"] = max(int(parse_quantity(requests["cpu"]).value * CPU_SHARES), MIN_SHARES)
    if "memory" in limits:
        memory = int(parse_quantity(limits["memory"]).value)
        options |= {"mem_limit": memory, "memswap_limit": memory}  # no swap beside it
    return options


def _security(context: Mapping[str, Any], image_user: str) -> dict[str, Any]:
    capabilities = context.get("capabilities") or {}
    options: dict[str, Any] = {
        "read_only": bool(context.get("readOnlyRootFilesystem")),
        "cap_add": capabilities.get("add"),
        "cap_drop": capabilities.get("drop"),
    }
    if context.get("allowPrivilegeEscalation") is False:
        options["security_opt"] = ["no-new-privileges:true"]
    user = context.get("runAsUser")
    if context.get("runAsNonRoot"):
        _verify_not_root(user, image_user)
    if user is not None:
        group = context.get("runAsGroup")
        options["user"] = str(user) if group is None else f"{user}:{group}"
    return options


def _verify_not_root(user: int | None, image_user: str) -> None:
    name = image_user.partition(":")[0] or "0"
    if user == 0:
        why = "container's runAsUser breaks non-root policy"
    elif user is not None or (name.isdigit() and int(name)):
        return
    elif name.isdigit():
        why = "container has runAsNonRoot and image will run as root"
    else:
        why = f"container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root"
    raise LaunchError("CreateContainerConfigError", why)
