"""What each runtime makes of what a manifest may say of its containers: honoured, told to have no effect, or refused.

Whatever admission accepts has a row here, so nothing is ignored without a word. A field that has no effect gets a
warning when it is written, since the program runs all the same; one without which the program may do wrong fails the
revision, before anything is started.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

Document = Mapping[str, Any]


class RuntimeName(StrEnum):
    """What runs an instance."""

    PROCESS = "process"
    DOCKER = "docker"


class Support(StrEnum):
    """What becomes of a field."""

    HONOURED = "honoured"
    NO_EFFECT = "no effect"
    REFUSED = "refused"


class Field(NamedTuple):
    """A field of a pod's spec (`[*]`: of each item), with all that is in it, or only `where` it has such a value.

    `why` tells, as the end of a sentence, of what is not honoured; `note` how what is honoured is. A row for a part of
    a field goes before that of the whole.
    """

    path: str
    process: Support
    docker: Support
    why: str = ""
    value: str = ""
    where: Callable[[Any], bool] = bool
    note: str = ""

    def support(self, runtime: RuntimeName) -> Support:
        return self.process if runtime is RuntimeName.PROCESS else self.docker


_YES, _NONE, _NO = Support.HONOURED, Support.NO_EFFECT, Support.REFUSED

_ONE_MACHINE: Final = "there is one machine, so there is nothing to choose"
_NO_PODS: Final = "an instance has no Pod of its own whose fields it could be told"
_NO_VOLUME: Final = "there is no storage but this machine's, which is not given to instances"
_OWN_FILES: Final = (
    "a process sees this machine's files, over which nothing can be laid: take environment variables, or let Docker run"
    " the image, without a line for it under `images:`"
)
_LAST_LINES: Final = "an exit is told with the last lines that were printed"
_OWN_USER: Final = "a process has the user and the rights of the emulator"
_OWN_NETWORK: Final = "a container has a network and processes of its own"
_NO_ACCOUNTS: Final = "no instance has an account, nor is any asked for"
_RESOURCES: Final = frozenset({"cpu", "memory", "ephemeral-storage"})


def _present(value: Any) -> bool:
    return value is not None


def _others(resources: Any) -> bool:
    return not _RESOURCES.issuperset(resources)


FIELDS: Final = (
    Field(
        *("containers", _NO, _YES),
        why="a process has no network of its own to share: let Docker run the image",
        value="more than one",
        where=lambda found: len(found) > 1,
    ),
    Field("initContainers", _NO, _NO, "nothing is run before the containers: do it at the start of the program"),
    Field("containers[*].name", _YES, _YES),
    Field("containers[*].image", _YES, _YES, note="process: its line under `images:`"),
    Field("containers[*].command", _YES, _YES),
    Field("containers[*].args", _YES, _YES),
    Field("containers[*].workingDir", _YES, _YES),
    Field("containers[*].ports", _YES, _YES, note="process: a free port of the loopback in its place, as `PORT`"),
    *(Field(f"containers[*].env[*].valueFrom.{it}", _NO, _NO, _NO_PODS) for it in ("fieldRef", "resourceFieldRef")),
    Field("containers[*].env", _YES, _YES),
    Field("containers[*].envFrom", _YES, _YES),
    *(
        Field(
            *(f"containers[*].resources.{it}", _NO, _NO),
            why="this machine has no such resource to give",
            value="neither cpu, memory nor ephemeral-storage",
            where=_others,
        )
        for it in ("limits", "requests")
    ),
    *(
        Field(f"containers[*].resources.{it}.ephemeral-storage", _NONE, _NONE, "nobody counts what an instance writes")
        for it in ("limits", "requests")
    ),
    Field("containers[*].resources", _NONE, _YES, "a process that has its place takes what this machine has"),
    Field("containers[*].volumeMounts[*].mountPropagation", _NO, _NO, "mounts are private to each container"),
    Field("containers[*].volumeMounts", _NO, _YES, _OWN_FILES),
    *(Field(f"containers[*].{kind}Probe", _YES, _YES) for kind in ("readiness", "liveness", "startup")),
    Field(
        *("containers[*].terminationMessagePath", _NONE, _NONE, _LAST_LINES),
        value="not /dev/termination-log",
        where=lambda path: path not in {"", "/dev/termination-log"},
    ),
    Field(
        *("containers[*].terminationMessagePolicy", _NONE, _NONE, _LAST_LINES),
        value="File",
        where=lambda policy: policy == "File",
    ),
    Field("containers[*].terminationMessagePath", _YES, _YES),
    Field("containers[*].terminationMessagePolicy", _YES, _YES),
    Field(
        *("containers[*].imagePullPolicy", _NONE, _YES),
        why="nothing is pulled for a process",
        value="Always",
        where=lambda policy: policy == "Always",
    ),
    Field("containers[*].imagePullPolicy", _YES, _YES),
    Field(
        *("containers[*].securityContext.seccompProfile", _NONE, _NO),
        why="the engine's own profile is the only one",
        value="not RuntimeDefault",
        where=lambda profile: profile.get("type") != "RuntimeDefault",
    ),
    Field("containers[*].securityContext", _NONE, _YES, _OWN_USER),
    Field("securityContext", _NONE, _NO, "only a container's own securityContext is followed"),
    Field("volumes[*].name", _YES, _YES),
    Field("volumes[*].configMap", _NO, _YES, _OWN_FILES),
    Field("volumes[*].secret", _NO, _YES, _OWN_FILES),
    Field("volumes[*].projected.sources[*].serviceAccountToken", _NO, _NO, _NO_ACCOUNTS),
    Field("volumes[*].projected.sources[*].downwardAPI", _NO, _NO, _NO_PODS),
    Field("volumes[*].projected", _NO, _YES, _OWN_FILES),
    Field("volumes[*].emptyDir", _NO, _YES, _OWN_FILES),
    *(
        Field(f"volumes[*].{source}", _NO, _NO, _NO_VOLUME, where=_present)
        for source in ("hostPath", "persistentVolumeClaim", "csi", "ephemeral", "image")
    ),
    Field("serviceAccountName", _NONE, _NONE, _NO_ACCOUNTS),
    Field("automountServiceAccountToken", _YES, _YES, note="no instance gets a token"),
    Field("imagePullSecrets", _NONE, _NONE, "images are pulled with the logins that the engine has"),
    Field("enableServiceLinks", _NONE, _NONE, "instances get no variables that tell of Services"),
    *(
        Field(field, _NONE, _NONE, _ONE_MACHINE)
        for field in (
            *("nodeSelector", "affinity", "tolerations", "topologySpreadConstraints"),
            *("schedulerName", "priorityClassName"),
        )
    ),
    Field("runtimeClassName", _NONE, _NONE, "instances run in the runtime that --runtime names"),
    *(Field(field, _YES, _NO, _OWN_NETWORK) for field in ("hostNetwork", "hostPID", "hostIPC")),
    Field("shareProcessNamespace", _YES, _NO, _OWN_NETWORK),
    *(
        Field(field, _NO, _NO, "names are looked up as this machine does")
        for field in ("dnsPolicy", "dnsConfig", "hostAliases")
    ),
    *(
        Field(field, _YES, _YES)
        for field in (
            *("containerConcurrency", "timeoutSeconds"),
            *("responseStartTimeoutSeconds", "idleTimeoutSeconds"),
        )
    ),
)
"""All that admission accepts in `spec.template.spec` of a Service, or lets flags of config-features open."""


def refused(pod: Document, runtime: RuntimeName) -> str:
    """Why instances can't be started as the manifest asks, as a sentence; "" if they can."""
    return "; ".join(_told(pod, runtime, Support.REFUSED))


def without_effect_in(pod: Document, runtime: RuntimeName) -> Iterator[str]:
    """A warning for each field that changes nothing about the instances."""
    return _told(pod, runtime, Support.NO_EFFECT)


def _told(pod: Document, runtime: RuntimeName, support: Support) -> Iterator[str]:
    """Fields with the same reason are told together, and none that is part of another that is told."""
    told = {
        path: row.why
        for row in FIELDS
        if row.support(runtime) is support
        for path, value in _found(pod, row.path.split("."))
        if row.where(value)
    }
    fields: dict[str, list[str]] = {}
    for path, why in told.items():
        if not any(path.startswith((f"{whole}.", f"{whole}[")) for whole in told):
            fields.setdefault(why, []).append(path)
    ends = "has no effect" if support is Support.NO_EFFECT else f"can't be had in a {_NOUNS[runtime]}"
    for why, paths in fields.items():
        said = ends if len(paths) == 1 else ends.replace("has", "have")
        yield f"{', '.join(paths)} {said}: {why}"


_NOUNS: Final = {RuntimeName.PROCESS: "process", RuntimeName.DOCKER: "container"}
_EACH: Final = "[*]"


def _found(value: Any, path: list[str], at: str = "") -> Iterable[tuple[str, Any]]:
    """Where a path leads in a document, and the values there."""
    if not path:
        yield at, value
        return
    name, rest = path[0].removesuffix(_EACH), path[1:]
    inner = value.get(name)
    if inner is None:
        return
    where = f"{at}.{name}" if at else name
    if not path[0].endswith(_EACH):
        yield from _found(inner, rest, where)
        return
    for index, item in enumerate(inner):
        yield from _found(item, rest, f"{where}[{index}]")


def covers(path: str) -> bool:
    """Whether there is a row for a field (`containers[*].env`), or for what it is a part of."""
    return any(path == row.path or re.match(re.escape(row.path) + r"[.\[]", path) for row in FIELDS if not row.value)
