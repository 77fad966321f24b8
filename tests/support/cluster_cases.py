"""The cases that were recorded from a real cluster, played on the simulated clock with a node that fails as it did."""

import json
from typing import Any

from measured import recorded
from simulated import Simulated

from emulator.api import kinds
from emulator.core.annotations import LAST_APPLIED
from emulator.core.clock import SimClock
from emulator.core.instance import Signal
from emulator.runtimes.base import Launch, Report
from emulator.runtimes.fake import FakeNode

DOMAIN = {"127.0.0.1.sslip.io": ""}
CRASHED = "11:14:55.897084 app start unixnano=1795432495897083934\n11:14:55.898577 crashing on purpose\n"
UNREACHABLE = (
    'failed to resolve image to digest: Get "https://index.docker.io/v2/": dial tcp: lookup index.docker.io on '
    "10.244.0.1:53: no such host"
)
#: What becomes of an instance, by its image, where it is not what becomes of a good one.
FAILING = {
    "dev.local/doesnotexist:v1": ("ImagePullBackOff", 'Back-off pulling image "dev.local/doesnotexist:v1"'),
    "docker.io/library/doesnotexist:v1": ("ContainerMissing", UNREACHABLE),
}


class Node(FakeNode):
    """Its instances crash where their environment says so, and don't start where they have no image."""

    def __init__(self, clock: SimClock, simulated: Simulated) -> None:
        super().__init__(clock, simulated.controller.reported)
        self._at, self._tell = clock, simulated.controller.reported

    def start(self, launch: Launch) -> None:
        if failed := FAILING.get(launch.image):
            self._end(launch, Report(launch.instance, Signal.EXITED, reason=failed[0], message=failed[1]))
        elif any(each["name"] == "CRASH" for each in launch.container.get("env", ())):
            self._end(launch, Report(launch.instance, Signal.EXITED, exit_code=3, message=CRASHED))
        else:
            super().start(launch)

    def _end(self, launch: Launch, report: Report) -> None:
        assert launch.instance == report.instance
        self._at.call_later(0.05, lambda: self._tell(report))


def emulator() -> Simulated:
    """One with the domain of the cluster that was recorded, and a node of its images."""
    simulated = Simulated(config_domain=DOMAIN)
    simulated.controller.connect(simulated.plane, Node(simulated.clock, simulated), 80)
    return simulated


def apply(simulated: Simulated, sample: str) -> None:
    """Apply what was applied to the cluster when this was recorded, as kubectl does."""
    said = recorded("objects")[sample]["metadata"]["annotations"][LAST_APPLIED]
    put(simulated, json.loads(said), said)


def put(simulated: Simulated, document: dict[str, Any], said: str) -> None:
    """Store a Service as kubectl's apply does that says so in its annotation."""
    meta = document["metadata"] | {"annotations": {LAST_APPLIED: said}}
    stored = simulated.store.find(kinds.SERVICE, meta["namespace"], meta["name"])
    if stored is None:
        simulated.admission.create(kinds.SERVICE, document | {"metadata": meta})
    else:
        # What the API server has filled into the template stays, as with the merge patch that kubectl sends.
        template = document["spec"]["template"]
        of = stored["spec"]["template"]["spec"] | template["spec"]
        spec = document["spec"] | {"template": template | {"spec": of}}
        annotations = stored["metadata"]["annotations"] | meta["annotations"]
        kept = stored["metadata"] | {"annotations": annotations}
        simulated.admission.replace(kinds.SERVICE, stored | {"metadata": kept, "spec": spec})
    simulated.run(0)
