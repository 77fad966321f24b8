"""The command line's way to a running emulator: its API, by the kubeconfig in the state folder."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
import yaml

from emulator.api.kinds import NAMESPACE, Kind
from emulator.api.media_types import JSON, MERGE_PATCH
from emulator.api.patch import merge_patch_between
from emulator.core.three_way import applied
from emulator.errors import EmulatorError, MachineError, NotFound, UserError

#: Seconds to connect and to the next byte. The API is on this machine: more means that it hangs.
TIMEOUT = 10.0

Object = dict[str, Any]


class Client:
    """Calls the API of the emulator whose state folder is given; raises MachineError where none answers."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        kubeconfig = state_dir / "kubeconfig"
        try:
            config = yaml.safe_load(kubeconfig.read_text())
        except FileNotFoundError:
            raise self._nobody() from None
        self._server: str = config["clusters"][0]["cluster"]["server"]
        self._session = requests.Session()
        # Neither a proxy nor a CA bundle of the environment has a say between us and our own loopback.
        self._session.trust_env = False
        self._session.verify = str(state_dir / "ca.crt")
        self._session.headers["User-Agent"] = "knative-emulator"
        self._session.headers["Authorization"] = f"Bearer {config['users'][0]['user']['token']}"

    def items(self, kind: Kind, namespace: str | None) -> list[Object]:
        items: list[Object] = self._call("GET", self._path(kind, namespace)).json()["items"]
        return items

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises NotFound."""
        found: Object = self._call("GET", self._path(kind, namespace, name)).json()
        return found

    def apply(self, kind: Kind, document: Object) -> tuple[str, Object, list[str]]:
        """Create or merge (see core.three_way); returns what was done, the stored object, warnings.

        A namespace that is missing is made.
        """
        meta = document["metadata"]
        try:
            stored = self.get(kind, meta["namespace"], meta["name"])
        except NotFound:
            self._make_namespace(meta["namespace"])
            response = self._call("POST", self._path(kind, meta["namespace"]), applied(document, None))
            return "created", response.json(), _warnings(response)
        # Only what changes is sent, as kubectl does it: what the controller writes in the meantime is no conflict.
        path = self._path(kind, meta["namespace"], meta["name"])
        response = self._call("PATCH", path, merge_patch_between(stored, applied(document, stored)))
        now: Object = response.json()
        same = now["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]
        return "unchanged" if same else "configured", now, _warnings(response)

    def _make_namespace(self, name: str) -> None:
        try:
            self._call("GET", self._path(NAMESPACE, None, name))
        except NotFound:
            self._call("POST", self._path(NAMESPACE, None), {"metadata": {"name": name}})

    def watch(self, kind: Kind, namespace: str, name: str, seconds: float) -> Iterator[Object]:
        """One object as it is, then each time that it changes, for so many seconds or until it is deleted."""
        query = f"?watch=true&fieldSelector=metadata.name%3D{name}&timeoutSeconds={max(1, math.ceil(seconds))}"
        path = self._path(kind, namespace) + query
        with self._call("GET", path, stream=True, timeout=(TIMEOUT, seconds + TIMEOUT)) as response:
            for line in response.iter_lines():
                event = json.loads(line)
                if event["type"] not in {"ADDED", "MODIFIED"}:
                    return
                yield event["object"]

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Raises NotFound."""
        self._call("DELETE", self._path(kind, namespace, name))

    def logs(self, namespace: str, pod: str, container: str, *, follow: bool, tail: int | None) -> Iterator[str]:
        """Lines of one container of an instance; with `follow` until it has ended."""
        query = f"?container={container}&follow={str(follow).lower()}" + ("" if tail is None else f"&tailLines={tail}")
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log{query}"
        response = self._call("GET", path, stream=True, timeout=(TIMEOUT, None))
        yield from response.iter_lines(decode_unicode=True)

    def status(self) -> Object:
        """The document of `knative-emulator status`."""
        document: Object = self._call("GET", "/emulator/status").json()
        return document

    def history(self) -> bytes:
        """What was decided of late, as the lines of a record."""
        return self._call("GET", "/emulator/history").content

    @staticmethod
    def _path(kind: Kind, namespace: str | None, name: str | None = None) -> str:
        root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
        within = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{within}/{kind.plural}" + (f"/{name}" if name else "")

    def _call(
        self,
        verb: str,
        path: str,
        document: Object | None = None,
        *,
        stream: bool = False,
        timeout: float | tuple[float, float | None] = TIMEOUT,
    ) -> requests.Response:
        try:
            media_type = {"Content-Type": MERGE_PATCH if verb == "PATCH" else JSON} if document is not None else {}
            body = None if document is None else json.dumps(document).encode()
            response = self._session.request(
                verb, self._server + path, data=body, headers=media_type, stream=stream, timeout=timeout
            )
        except requests.ConnectionError as error:
            raise self._nobody() from error
        except requests.Timeout as error:
            raise MachineError(f"the emulator at {self._server} has not answered within {TIMEOUT:g} s") from error
        if response.ok:
            return response
        status = response.json()
        errors: dict[int, type[EmulatorError]] = {404: NotFound}
        raise errors.get(response.status_code, UserError)(status["message"])

    def _nobody(self) -> MachineError:
        return MachineError(
            f"no emulator answers for the state folder {self._state_dir}: start one with `knative-emulator up`, "
            "or name its folder with --state-dir"
        )


def _warnings(response: requests.Response) -> list[str]:
    # requests joins repeated headers with ", "; each of ours is `299 - "text"`, the text quoted as in RFC 9110.
    found = re.findall(r'299 - "((?:[^"\\]|\\.)*)"', response.headers.get("Warning", ""))
    return [re.sub(r"\\(.)", r"\1", text) for text in found]
