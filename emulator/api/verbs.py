"""The verbs of the API: get, list, watch, create, update, patch, delete; and the log of a pod.

Writes return before the controller has seen them: it hears of every stored change and reconciles on its own time.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask import Request, Response

from emulator.api import list_options, patch
from emulator.api.admission import Admission, Manner
from emulator.api.answers import Stream, answer, failure, lines, success
from emulator.api.bodies import check, check_nesting, read_json, read_object, repeated_fields
from emulator.api.core_types import unreadable
from emulator.api.history import History
from emulator.api.kinds import NAMESPACE, POD, Kind, sub_resources
from emulator.api.media_types import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH
from emulator.api.ownership import applied
from emulator.api.selectors import selection
from emulator.api.store import Object, Store, check_preconditions, is_deleted
from emulator.api.strategic import strategic_merge
from emulator.api.tables import table
from emulator.api.targets import Target
from emulator.core.conditions import timestamp
from emulator.core.gotext import quote
from emulator.core.pod_template import DEFAULT_CONTAINER, QUEUE, sidecar_in
from emulator.errors import Expired, Forbidden, UnknownFormat, Unprocessable, UserError, WrongMethod
from emulator.logs import Logs

#: Seconds that a watch lasts at most; the API server's own choice for one that does not say is 30 to 60 minutes.
WATCH_SECONDS = 3600

#: Longest name of a field manager, in bytes; Kubernetes' own limit.
MANAGER_LIMIT = 128

_OPTIONS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}
#: Namespaces that Kubernetes never deletes.
NOT_DELETED = frozenset({"default", "kube-system", "kube-public"})
_VALIDATIONS = ("Ignore", "Warn", "Strict")
_PROPAGATIONS = ("Background", "Foreground", "Orphan")


#: The verb of a method on a collection or on an object (is there a name?), and on its sub-resources.
_VERBS = {
    ("GET", False, ""): "list",
    ("POST", False, ""): "create",
    ("DELETE", False, ""): "deletecollection",
    ("GET", True, ""): "get",
    ("PUT", True, ""): "update",
    ("PATCH", True, ""): "patch",
    ("DELETE", True, ""): "delete",
    ("GET", True, "status"): "get",
    ("PUT", True, "status"): "update",
    ("PATCH", True, "status"): "patch",
    ("GET", True, "log"): "log",
}

_NOT_ALLOWED = "the server does not allow this method on the requested resource"


class Verbs:
    """Does what a request asks for with a target. Every method raises the errors of emulator.errors."""

    def __init__(self, store: Store, admission: Admission, history: History, logs: Logs) -> None:
        self._store = store
        self._admission = admission
        self._history = history
        self._logs = logs
        self._does = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    def do(self, request: Request, target: Target) -> Response:
        """Answer a request for a target."""
        verb = _VERBS.get((request.method, target.name is not None, target.sub), "")
        if verb == "log":
            return self._log(request, target)
        if verb == "list" and _flag(request, "watch"):
            verb = "watch"
        nowhere = verb == "create" and target.kind.namespaced and target.namespace is None
        if verb not in _allowed(target) or nowhere:
            raise WrongMethod(_NOT_ALLOWED)
        return self._does[verb](request, target)

    def _get(self, request: Request, target: Target) -> Response:
        found = self._store.get(target.kind, target.home, target.name or "")
        return self._shown(request, target.kind, [found]) if _wants_table(request) else answer(found)

    def _list(self, request: Request, target: Target) -> Response:
        list_options.check(request.args, int(self._store.version), watch=False)
        found = list(self._selected(request, target))
        return (
            self._shown(request, target.kind, found)
            if _wants_table(request)
            else answer(self._listed(target.kind, found))
        )

    def _watch(self, request: Request, target: Target) -> Response:
        kind = target.kind
        args = request.args
        wanted = selection(kind, args.get("labelSelector", ""), args.get("fieldSelector", ""), target.namespace)
        since = _number(request, "resourceVersion")
        list_options.check(args, int(self._store.version), watch=True)
        asked = _flag(request, "sendInitialEvents")
        bookmarks = asked, _flag(request, "allowWatchBookmarks")
        seconds = min(_number(request, "timeoutSeconds") or WATCH_SECONDS, WATCH_SECONDS)
        as_table, include = _wants_table(request), args.get("includeObject", "Metadata")

        def events() -> Iterator[Mapping[str, Any]]:
            try:
                for verb, document in self._history.watch(kind, wanted, None if asked else since or None, seconds):
                    if verb != "BOOKMARK" and as_table:
                        version = document["metadata"]["resourceVersion"]
                        yield {
                            "type": verb,
                            "object": table(kind, [document], version, self._store.clock.now(), include),
                        }
                    elif verb != "BOOKMARK" or bookmarks["annotations" not in document["metadata"]]:
                        yield {"type": verb, "object": document}
            except Expired as error:
                yield {"type": "ERROR", "object": failure(error)}

        return lines(events())

    def _create(self, request: Request, target: Target) -> Response:
        raw = request.get_data()
        document = read_object(raw, request.mimetype)
        manner, repeated = _manner(request), _repeated(request, target.kind, raw)
        checked = check(target.kind, document, target.namespace, None)
        stored, warnings = self._admission.create(target.kind, checked, manner)
        return answer(stored, status=201, warnings=(*repeated, *warnings))

    def _update(self, request: Request, target: Target) -> Response:
        raw = request.get_data()
        document = read_object(raw, request.mimetype)
        manner, repeated = _manner(request), _repeated(request, target.kind, raw)
        stored, warnings = self._replace(target, document, manner)
        return answer(stored, warnings=(*repeated, *warnings))

    def _patch(self, request: Request, target: Target) -> Response:
        if request.mimetype == APPLY_PATCH:
            if target.sub:
                raise UnknownFormat(f"a status is not applied here: patch it with {MERGE_PATCH} or {JSON_PATCH}")
            return self._apply(request, target)
        if "force" in request.args:
            raise _options("PatchOptions", "force: Forbidden: may not be specified for non-apply patch")
        stored = self._store.get(target.kind, target.home, target.name or "")
        manner, raw = _manner(request), request.get_data()
        patched = self._patched(target.kind, stored, request.mimetype, raw)
        repeated = _repeated(request, target.kind, raw)
        now, warnings = self._replace(target, patched, manner)
        return answer(now, warnings=(*repeated, *warnings))

    def _apply(self, request: Request, target: Target) -> Response:
        raw = request.get_data()
        manner, repeated = _manner(request), _repeated(request, target.kind, raw)
        if not request.args.get("fieldManager"):
            raise _options("PatchOptions", "fieldManager: Required value: is required for apply patch")
        config = check(target.kind, read_object(raw, request.mimetype), target.namespace, target.name)
        stored = self._store.find(target.kind, target.home, target.name or "")
        wanted = applied(target.kind, stored, config, str(manner.manager), self._now(), force=_flag(request, "force"))
        write = self._admission.create if stored is None else self._admission.replace
        now, warnings = write(target.kind, wanted, manner._replace(manager=None))
        return answer(now, status=201 if stored is None else 200, warnings=(*repeated, *warnings))

    def _now(self) -> str:
        return timestamp(self._store.clock.now())

    def _replace(self, target: Target, document: Object, manner: Manner) -> tuple[Object, tuple[str, ...]]:
        checked = check(target.kind, document, target.namespace, target.name)
        replace = self._admission.replace_status if target.sub else self._admission.replace
        return replace(target.kind, checked, manner)

    @staticmethod
    def _patched(kind: Kind, stored: Object, media_type: str, raw: bytes) -> Object:
        # A cluster can't merge custom kinds strategically: it does not know their lists.
        known = {JSON_PATCH, MERGE_PATCH, *([] if kind.is_custom else [STRATEGIC_PATCH])}
        if media_type not in known:
            words = ", ".join(sorted({APPLY_PATCH, *known}))
            raise UnknownFormat(
                f"the body of the request was in an unknown format - accepted media types include: {words}"
            )
        change = read_json(raw)
        try:
            if media_type == STRATEGIC_PATCH:
                patched = strategic_merge(kind, stored, change)
            else:
                patched = {MERGE_PATCH: patch.merge_patch, JSON_PATCH: patch.json_patch}[media_type](stored, change)
        except patch.MalformedPatch as error:
            raise UserError(str(error)) from error
        except patch.InapplicablePatch as error:
            words = f"the server rejected our request due to an error in our request: {error}"
            raise Unprocessable(words, kind.details(stored["metadata"]["name"])) from error
        check_nesting(patched)
        if not isinstance(patched, dict):
            raise UserError("the patch leaves no object")
        return patched

    def _delete(self, request: Request, target: Target) -> Response:
        options = _delete_options(request)
        stored = self._store.get(target.kind, target.home, target.name or "")
        check_preconditions(target.kind, stored, options.get("preconditions") or {})
        gone = self._remove(target.kind, stored, options)
        if target.kind in {POD, NAMESPACE} or is_deleted(gone):
            return answer(gone)
        return success(target.kind.details(stored["metadata"]["name"]) | {"uid": stored["metadata"]["uid"]})

    def _delete_collection(self, request: Request, target: Target) -> Response:
        options = _delete_options(request)
        gone = [self._remove(target.kind, stored, options) for stored in list(self._selected(request, target))]
        return answer(self._listed(target.kind, gone))

    def _remove(self, kind: Kind, stored: Object, options: Mapping[str, Any]) -> Object:
        if options["dryRun"]:
            return stored
        if kind is POD:
            return self._store.terminate(kind, stored)
        meta = stored["metadata"]
        if kind is NAMESPACE and meta["name"] in NOT_DELETED:
            words = f'namespaces "{meta["name"]}" is forbidden: this namespace may not be deleted'
            raise Forbidden(words, kind.details(meta["name"]))
        namespace, policy = meta.get("namespace", ""), options["propagationPolicy"]
        orphan, foreground = policy == "Orphan", policy == "Foreground"
        return self._store.delete(kind, namespace, meta["name"], orphan=orphan, foreground=foreground)

    def _log(self, request: Request, target: Target) -> Response:
        pod = self._store.get(POD, target.home, target.name or "")
        names = [container["name"] for container in pod["spec"]["containers"]]
        container = request.args.get("container") or pod["metadata"]["annotations"][DEFAULT_CONTAINER]
        if container not in names:
            raise UserError(f"container {container} is not valid for pod {target.name}")
        if _flag(request, "previous"):
            raise UserError(f'previous terminated container "{container}" in pod "{target.name}" not found')
        if container == QUEUE:
            return Response(mimetype="text/plain")  # it is no container of its own, and prints nothing
        found = self._logs.find(target.name or "", sidecar_in(pod, container))
        if found is None:
            raise UserError(f'container "{container}" in pod "{target.name}" is waiting to start: ContainerCreating')
        text = found.read(follow=_flag(request, "follow"), tail=_number(request, "tailLines"))
        return Stream(text, mimetype="text/plain")

    def _selected(self, request: Request, target: Target) -> Iterable[Object]:
        args = request.args
        wanted = selection(target.kind, args.get("labelSelector", ""), args.get("fieldSelector", ""))
        return (document for document in self._store.all(target.kind, target.namespace) if wanted(document))

    def _listed(self, kind: Kind, items: list[Object]) -> Object:
        meta = {"resourceVersion": self._store.version}
        return {"apiVersion": kind.api_version, "kind": f"{kind.name}List", "metadata": meta, "items": items}

    def _shown(self, request: Request, kind: Kind, found: list[Object]) -> Response:
        include = request.args.get("includeObject", "Metadata")
        return answer(table(kind, found, self._store.version, self._store.clock.now(), include))


def _allowed(target: Target) -> tuple[str, ...]:
    subs = (each.verbs for each in sub_resources(target.kind) if each.name == target.sub)
    return next(subs, target.kind.verbs)


def _wants_table(request: Request) -> bool:
    return "as=Table" in request.headers.get("Accept", "")


def _flag(request: Request, name: str) -> bool:
    """A boolean of a query, as the API server reads it: there, and not false."""
    return request.args.get(name, "false") not in {"false", "0"}


def _number(request: Request, name: str) -> int | None:
    """A whole number of a query, None if it is not there; raises UserError."""
    text = request.args.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise UserError(f'{name}: Invalid value: "{text}": must be a whole number that is not negative')
    return int(text)


def _manner(request: Request) -> Manner:
    validation = request.args.get("fieldValidation") or "Warn"
    if validation not in _VALIDATIONS:
        raise Unprocessable(
            f'fieldValidation: Unsupported value: "{validation}": supported values: {", ".join(_VALIDATIONS)}'
        )
    return Manner(_dry_run(request.args.getlist("dryRun")), validation, _field_manager(request))


def _field_manager(request: Request) -> str:
    """Who writes: as the request says, or else the first word of the User-Agent, as the API server has it."""
    named = request.args.get("fieldManager")
    if not named:
        agent = request.headers.get("User-Agent", "").split("/")[0]
        return "".join(letter for letter in agent if letter.isprintable())[:MANAGER_LIMIT] or "unknown"
    if len(named.encode()) > MANAGER_LIMIT:
        words = f"fieldManager: Too long: may not be more than {MANAGER_LIMIT} bytes"
        raise _options(_OPTIONS[request.method], words)
    if not named.isprintable():
        words = f"fieldManager: Invalid value: {quote(named)}: should only contain printable characters"
        raise _options(_OPTIONS[request.method], words)
    return named


def _options(kind: str, words: str) -> Unprocessable:
    return Unprocessable(f'{kind}.meta.k8s.io "" is invalid: {words}', {"group": "meta.k8s.io", "kind": kind})


def _dry_run(values: list[Any]) -> bool:
    if values not in ([], ["All"]):
        raise Unprocessable(f'dryRun: Unsupported value: {values}: supported values: "All"')
    return bool(values)


def _repeated(request: Request, kind: Kind, raw: bytes) -> tuple[str, ...]:
    """Warnings of fields that a body has twice; raises UserError where it is to be strict."""
    validation = request.args.get("fieldValidation") or "Warn"
    if validation == "Ignore":
        return ()
    words = tuple(f'duplicate field "{field}"' for field in repeated_fields(raw, request.mimetype))
    if words and validation == "Strict":
        raise unreadable(kind, "strict decoding error: " + ", ".join(words))
    return words


def _delete_options(request: Request) -> Mapping[str, Any]:
    """What a DELETE says, in its body or its query, with `dryRun` as a truth."""
    raw = request.get_data()
    options = read_object(raw, request.mimetype) if raw.strip() else {}
    preconditions = options.get("preconditions") or {}
    if not isinstance(preconditions, dict):
        raise UserError("preconditions must be an object")
    propagation = options.get("propagationPolicy") or request.args.get("propagationPolicy") or "Background"
    if propagation not in _PROPAGATIONS:
        raise UserError(f"propagationPolicy {propagation!r} is not served: use {', '.join(_PROPAGATIONS)}")
    dry_run = options.get("dryRun") or request.args.getlist("dryRun")
    if not isinstance(dry_run, list):
        raise UserError("dryRun must be a list")
    return {"preconditions": preconditions, "dryRun": _dry_run(dry_run), "propagationPolicy": propagation}
