"""The types that a user may write and no webhook looks at, in the notation of core.admission.schema, and their rules.

They are the core group's, and ClusterDomainClaim.
"""

import base64
import re
from typing import Any, Final

from emulator.api.kinds import CLUSTER_DOMAIN_CLAIM, CORE_SERVICE, NAMESPACE, Kind
from emulator.core import core_service
from emulator.core.admission.schema import DecodeError, Schema
from emulator.core.admission.tables import SERVING
from emulator.core.kubernetes_names import dns_1035_label, dns_1123_label, dns_1123_subdomain
from emulator.errors import Unprocessable, UserError

_OBJECTS: Final = """
ConfigMap
  apiVersion        string
  kind              string
  metadata          ObjectMeta
  data              map string
  binaryData        map string
  immutable         *bool
Secret
  apiVersion        string
  kind              string
  metadata          ObjectMeta
  data              map string
  stringData        map string
  type              string
  immutable         *bool
Namespace
  apiVersion        string
  kind              string
  metadata          ObjectMeta
  spec              any
  status            any
ClusterDomainClaim
  apiVersion        string
  kind              string
  metadata          ObjectMeta
  spec              ClusterDomainClaimSpec
ClusterDomainClaimSpec
  namespace!        string
"""

Object = dict[str, Any]

#: The core's Service is another than Knative's.
CORE: Final = Schema({**SERVING.types, **Schema.parse(_OBJECTS, core_service.TABLE).types})
_NAMES: Final = {NAMESPACE: dns_1123_label, CORE_SERVICE: dns_1035_label}

_KEY = re.compile("[-._a-zA-Z0-9]{1,253}")
_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',"
    "  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def invalid(kind: Kind, name: str, field: str, words: str) -> Unprocessable:
    """The API server's own refusal of an object."""
    group = f".{kind.group}" if kind.group else ""
    details = kind.details(name) | {"kind": kind.name, "causes": [{"field": field, "message": words}]}
    return Unprocessable(f'{kind.name}{group} "{name}" is invalid: {field}: {words}', details)


def unreadable(kind: Kind, why: str) -> UserError:
    """The API server's refusal of a document that it can't decode."""
    return UserError(f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {why}')


def check_name(kind: Kind, document: Object) -> None:
    """Raises Unprocessable for a name that no object of the kind may have."""
    name = document["metadata"].get("name", "")
    if name and (wrong := _NAMES.get(kind, dns_1123_subdomain)(name)):
        raise invalid(kind, name, "metadata.name", f'Invalid value: "{name}": {"; ".join(wrong)}')


def checked(kind: Kind, document: Object) -> tuple[Object, list[str]]:
    """An object of those types as it is stored, and the paths of the fields that it drops.

    Raises UserError and Unprocessable.
    """
    kept, dropped = CORE.prune(kind.name, document)
    try:
        decoded = CORE.decode(kind.name, kept)
    except DecodeError as error:
        raise unreadable(kind, str(error)) from error
    check_name(kind, decoded)
    name = decoded["metadata"].get("name", "")
    if kind is CLUSTER_DOMAIN_CLAIM and not decoded["spec"]["namespace"]:
        raise invalid(kind, name, "spec.namespace", "Required value")
    for field in ("data", "binaryData", "stringData"):
        for key in decoded.get(field, ()):
            if not _KEY.fullmatch(key):
                raise invalid(kind, name, f"{field}[{key}]", f'Invalid value: "{key}": {_KEY_WORDS}')
    encoded = {"Secret": ("data",), "ConfigMap": ("binaryData",)}.get(kind.name, ())
    for value in (value for field in encoded for value in decoded.get(field, {}).values()):
        try:
            base64.b64decode(value, validate=True)
        except ValueError as error:
            raise unreadable(kind, f"illegal base64 data: {error}") from error
    finished = _FINISH.get(kind.name, dict)(decoded)
    for field, words in core_service.faults(finished) if kind is CORE_SERVICE else ():
        raise invalid(kind, name, field, words)
    return finished, dropped


def namespace(name: str) -> Object:
    """A Namespace that something was written to before it was made."""
    return _active({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _active(document: Object) -> Object:
    meta = document["metadata"]
    labels = meta.get("labels", {}) | {"kubernetes.io/metadata.name": meta.get("name", "")}
    return document | {
        "metadata": {key: value for key, value in meta.items() if key != "namespace"} | {"labels": labels},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _encoded(secret: Object) -> Object:
    """A Secret as it is stored: `stringData` goes, base64-encoded, over `data`."""
    kept: dict[str, Any] = {key: value for key, value in secret.items() if key != "stringData"}
    texts = secret.get("stringData") or {}
    data = (kept.get("data") or {}) | {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return {"type": "Opaque"} | kept | {"data": data}


_FINISH = {"Secret": _encoded, "Namespace": _active, "Service": core_service.completed}
