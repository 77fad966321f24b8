"""The scale of one revision: its load in, a decision every two seconds or at once when it is called for, a number out.

In a cluster these are the autoscaler's decider and the KPA reconciler of one PodAutoscaler. The decisions are core's;
when they are made is decided here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emulator.core.autoscaler import TICK_SECONDS, Decision, decide, first_decision
from emulator.core.config import AutoscalerConfig, shipped
from emulator.core.config_deployment import DeploymentConfig
from emulator.core.decider import ScalingSpec, resolve
from emulator.core.metrics import RevisionMetrics
from emulator.core.scaler import Mode, Observed, Outcome, first_outcome, reconcile, resumed_outcome
from emulator.core.settings import load


def next_report(now: float) -> float:
    """When load is to be reported next: at each whole Unix second, before anything is decided in it.

    Knative's reporters each have a phase of their own. Buckets are whole seconds, so with this one a decision never
    finds the second it is made in still empty, which would read as no load in a panic window of one second.
    """
    return float(int(now) + 1)


@dataclass(frozen=True, slots=True)
class ScalingConfig:
    """The ConfigMaps that rule scaling."""

    autoscaler: AutoscalerConfig
    deployment: DeploymentConfig

    @classmethod
    def read(cls, config_maps: Mapping[str, Mapping[str, str]]) -> "ScalingConfig":
        """From ConfigMap data by name; raises ConfigError."""
        return cls(
            load(AutoscalerConfig, config_maps.get("config-autoscaler", {})),
            load(DeploymentConfig, shipped("config-deployment", config_maps.get("config-deployment", {}))),
        )


class RevisionScaler:
    """Decides how many instances one revision should have. Times are Unix seconds.

    `ready` is how many instances are ready as it begins: with several of them it must be one that was restarted.
    """

    def __init__(
        self,
        annotations: Mapping[str, str],
        container_concurrency: int,
        config: ScalingConfig,
        now: float,
        ready: int = 0,
    ) -> None:
        self._resolve: Callable[[Mapping[str, str], bool], ScalingSpec] = lambda annotations, reachable: resolve(
            annotations,
            config.autoscaler,
            config.deployment,
            container_concurrency=container_concurrency,
            reachable=reachable,
        )
        self._annotations = annotations
        self._reachable = True
        self.spec = self._resolve(annotations, self._reachable)
        self._metrics = RevisionMetrics(self.spec.metric)
        self._decision = first_decision(self.spec.decider, ready, now)
        self.outcome: Outcome = first_outcome(now)
        #: The Deployment of a new revision is made with the initial scale, before anything is decided.
        self.wanted = self.spec.decider.initial_scale
        self._ready = -1
        self._ever_ready = False
        self._proxied_since = now
        self._poked = False
        self._next_tick = now + TICK_SECONDS
        self._reconcile_at = now

    @property
    def decision(self) -> Decision:
        """The last one of the autoscaler; `outcome` is what was made of it."""
        return self._decision

    @property
    def reason(self) -> str:
        """Why the scale is what it is, in words: the autoscaler's decision, and what was made of it."""
        return f"{self._decision.reason}; {self.outcome.reason}"

    @property
    def initialized(self) -> bool:
        """Whether the initial scale has been reached once."""
        return self.outcome.initialized.status == "True"

    def record(self, concurrency: float, requests: float, now: float) -> None:
        """Take in what was reported about the last second. Load on a revision at zero is answered with a decision."""
        self._metrics.record(now, concurrency, requests)
        self._poked = self._poked or self._decision.poked_by(concurrency)

    def set_reachable(self, reachable: bool, now: float) -> None:
        """Whether any route leads to the revision: one that none leads to may go to zero at once."""
        if reachable != self._reachable:
            self._reachable = reachable
            self._resolve_anew(now)

    def set_annotations(self, annotations: Mapping[str, str], now: float) -> None:
        """The Revision's annotations have changed: what they say holds from the next decision on."""
        before, self._annotations = self.spec, annotations
        self._resolve_anew(now)
        if self.spec.metric != before.metric:
            self._metrics.resize(self.spec.metric, now)

    def resume(self, *, initialized: bool, now: float) -> None:
        """Begin with a revision that was scaled before and has lost all its instances.

        One that needs none waits for its first request, as after the way to zero; one that reached its initial scale
        need not reach it again; one that no route leads to has nobody to start for.
        """
        if initialized or not self._reachable:
            self.outcome = resumed_outcome(self.spec, initialized=initialized, now=now)
            self.wanted = self.outcome.replicas

    @property
    def due(self) -> float:
        """When the next step is (Unix seconds), the number of ready instances being what it was."""
        return 0.0 if self._poked else min(self._next_tick, self._reconcile_at)

    def step(self, ready: int, now: float) -> None:
        """Decide and reconcile as far as that is due with `ready` ready instances."""
        if self._poked or now >= self._next_tick:
            self._decide(ready, now)
        while ready != self._ready or now >= self._reconcile_at:
            self._reconcile(ready, now)

    def _resolve_anew(self, now: float) -> None:
        spec = self._resolve(self._annotations, self._reachable)
        if spec != self.spec:
            self.spec = spec
            self._reconcile_at = now

    def _decide(self, ready: int, now: float) -> None:
        before = self._decision
        averages = self._metrics.averages(now, self.spec.decider.scaling_metric)
        self._decision = decide(self.spec.decider, averages, ready, before, now)
        self._poked = False
        while self._next_tick <= now:
            self._next_tick += TICK_SECONDS
        if self._decision.differs_from(before):
            self._reconcile_at = now

    def _reconcile(self, ready: int, now: float) -> None:
        self._ready = ready
        self._ever_ready = self._ever_ready or ready > 0
        observed = Observed(
            replicas=self.wanted,
            ready=ready,
            service_ready=self._ever_ready,
            proxied_since=self._proxied_since if self.outcome.mode is Mode.PROXY else None,
            activator_answers=self.outcome.mode is Mode.PROXY,
        )
        before = self.outcome
        self.outcome = reconcile(self.spec, self._decision, observed, before, now)
        self.wanted = self.outcome.replicas
        if self.outcome.mode is Mode.PROXY and before.mode is not Mode.PROXY:
            self._proxied_since = now
        changed = self.outcome.conditions != before.conditions or self.outcome.mode is not before.mode
        wait = self.outcome.requeue_after
        # A changed status is looked at again at once, as the reconciler is called for its own writes.
        self._reconcile_at = now if changed else (float("inf") if wait is None else now + wait)
