"""CPU time on simulated cores: who computes how fast, when a few cores are shared by many instances.

A fluid model. A thread that computes gets at most one core; an instance at most its limit; all instances together at
most the node's cores, shared max-min fair (nobody gets more while somebody gets less than he could use), as a kernel's
fair scheduler does between control groups of equal weight. Within an instance its threads share evenly.

An instance computes on so many threads at a time, first come first served, so both ends of queueing theory are there:
as many threads as cores is a queue in front of a pool (M/G/c), threads without end is processor sharing.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf
from typing import Final

from emulator.core.clock import SimClock


@dataclass(frozen=True, slots=True)
class Batch:
    """How many jobs a thread takes at a time, and how long all of `width` take, in times of one.

    Interleaved hashes: four that are computed together on one core take hardly longer than one, as each waits for
    memory while the others compute. Between one and `width` the time grows evenly.
    """

    width: int = 1
    factor: float = 1.0

    def seconds(self, jobs: "list[Job]") -> float:
        """Core-seconds of jobs that are computed together: those of the longest, and a share for each other one."""
        longest = max(job.seconds for job in jobs)
        if len(jobs) == 1:
            return longest
        return longest * (1 + (self.factor - 1) * (len(jobs) - 1) / (self.width - 1))


#: A thread takes one job at a time.
ALONE: Final = Batch()


class Job:
    """Something to compute."""

    __slots__ = ("batch", "done", "dropped", "seconds")

    def __init__(self, seconds: float, done: Callable[[], None], batch: Batch) -> None:
        self.seconds = seconds
        self.done = done
        self.batch = batch
        self.dropped = False


class Node:
    """The cores that all instances share; by default there are always enough, as in a cluster that grows."""

    def __init__(self, clock: SimClock, cores: float = inf) -> None:
        self.clock = clock
        self.cores = cores
        #: Core-seconds that were computed by processors that are gone.
        self.used_before = 0.0
        self._busy: dict[Processor, None] = {}  # an ordered set: runs are the same every time
        self._demand = 0.0

    @property
    def idle(self) -> bool:
        """Whether nobody computes."""
        return not self._busy

    def used(self) -> float:
        """Core-seconds computed until now."""
        now = self.clock.now()
        return self.used_before + sum(processor.used(now) for processor in self._busy)

    def demand(self, processor: "Processor", before: float, after: float) -> None:
        """A processor could use so many cores now, and so many until now."""
        if after:
            self._busy[processor] = None
        else:
            del self._busy[processor]
            self.used_before += processor.take_used()
        short = self._demand > self.cores
        # Sums of limits such as 0.1 drift: an idle node starts anew.
        self._demand = self._demand + after - before if self._busy else 0.0
        if short or self._demand > self.cores:
            self._share()
        elif after:
            processor.granted = after

    def _share(self) -> None:
        """Max-min fair: whoever asks for less than an even share gets it all, the others share what is left."""
        left, rest = self.cores, len(self._busy)
        for processor in sorted(self._busy, key=lambda it: it.wants):
            granted = min(processor.wants, left / rest)
            left -= granted
            rest -= 1
            if granted != processor.granted:
                processor.granted = granted
                processor.go_on()


class Processor:
    """The cores of one instance.

    Args:
        node: where it runs.
        limit: cores it may use (`resources.limits.cpu`).
        threads: jobs, or batches of them, that it computes at a time.
    """

    def __init__(self, node: Node, limit: float = inf, threads: float = inf) -> None:
        self._node = node
        self._limit = limit
        self._threads = threads
        self._waiting: deque[Job] = deque()
        #: (progress at which it is finished, order, jobs)
        self._running: list[tuple[float, int, list[Job]]] = []
        self._order = itertools.count()
        self._progress = 0.0  # core-seconds that each running batch has got since the beginning
        self._rate = 0.0
        self._at = 0.0
        self._used = 0.0
        self._due = inf
        #: Cores it could use now, and those it has.
        self.wants = self.granted = 0.0

    def submit(self, seconds: float, done: Callable[[], None], batch: Batch = ALONE) -> Job:
        """Compute so many core-seconds, together with others of its `batch`, then call `done`.

        Returns what `drop` takes.
        """
        job = Job(seconds, done, batch)
        if len(self._running) < self._threads:
            self._advance()
            self._start([job])
            self._demand()
        else:
            self._waiting.append(job)
        return job

    def drop(self, job: Job) -> None:
        """Nobody waits for it any more: if it has not begun, it never will. What is computed can't be interrupted."""
        job.dropped = True

    def go_on(self) -> None:
        """Compute with the cores that are granted now."""
        self._advance()
        if not self._running:
            return
        self._rate = self.granted / len(self._running)
        due = self._at + max(0.0, self._running[0][0] - self._progress) / self._rate
        if due != self._due:
            self._due = due
            self._node.clock.call_at(due, lambda: self._finish(due))

    def used(self, now: float) -> float:
        return self._used + (now - self._at) * self._rate * len(self._running)

    def take_used(self) -> float:
        self._advance()
        used, self._used = self._used, 0.0
        return used

    def _advance(self) -> None:
        now = self._node.clock.now()
        if self._running:
            self._used = self.used(now)
            self._progress += (now - self._at) * self._rate
        self._at = now

    def _start(self, jobs: list[Job]) -> None:
        heapq.heappush(self._running, (self._progress + jobs[0].batch.seconds(jobs), next(self._order), jobs))

    def _demand(self) -> None:
        before, self.wants = self.wants, min(len(self._running), self._limit)
        if before != self.wants:
            self._node.demand(self, before, self.wants)
        self.go_on()

    def _finish(self, due: float) -> None:
        if due != self._due:
            return  # it was put off, or came earlier
        self._due = inf
        self._advance()
        finished: list[Job] = []
        head = self._running[0][0]
        # What the clock's last digits leave of it is nothing that anybody could compute.
        self._progress = max(self._progress, head)
        while self._running and self._running[0][0] <= self._progress:
            finished += heapq.heappop(self._running)[2]
        while len(self._running) < self._threads and (jobs := self._next()):
            self._start(jobs)
        self._demand()
        for job in finished:
            job.done()

    def _next(self) -> list[Job]:
        jobs: list[Job] = []
        while self._waiting:
            job = self._waiting[0]
            if jobs and not job.dropped and (job.batch != jobs[0].batch or len(jobs) == job.batch.width):
                break
            self._waiting.popleft()
            if not job.dropped:
                jobs.append(job)
        return jobs


def threads_of(limit: float, cores: float) -> float:
    """As many threads as there are cores to run on, which is what a pool for hashing has; without end if cores are."""
    least = min(limit, cores)
    return least if least == inf else max(1, ceil(least))
