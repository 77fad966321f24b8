"""Why the scale is what it is, in one line: what the numbers of a decision say, and no rule of its own."""

from typing import TYPE_CHECKING

from emulator.core.limits import (
    ACTIVATION_SCALE,
    MAX_SCALE_DOWN_RATE,
    MAX_SCALE_UP_RATE,
    PANIC,
    SCALE_DOWN_DELAY,
    STABLE,
    Limit,
)
from emulator.core.metrics import Averages

if TYPE_CHECKING:
    from emulator.core.autoscaler import Grounds

#: What a limit does to the number that it changes.
_VERBS = {MAX_SCALE_UP_RATE: "lowered to", MAX_SCALE_DOWN_RATE: "held at", ACTIVATION_SCALE: "raised to"}


def decided(grounds: "Grounds | None") -> str:
    """A decision in words; without grounds there was none yet."""
    if grounds is None:
        return "no decision yet"
    if grounds.averages is None:
        return f"no samples over {grounds.spec.stable_window:g} s, nothing to decide on"
    panic = next((limit for limit in grounds.limits if limit.name == PANIC), None)
    words = _stable(grounds, grounds.averages) if panic is None else _panic(grounds, grounds.averages, panic)
    held = next((limit for limit in grounds.limits if limit.name == SCALE_DOWN_DELAY), None)
    if held and held.after != held.before:
        words += f"; held at {held.after} by {held.name}"
    return words


def _stable(grounds: "Grounds", averages: Averages) -> str:
    return (
        f"stable average {averages.stable:.2f} over {averages.stable_window:g} s / target"
        f" {grounds.spec.target_value:.2f} -> {grounds.want_stable}{_limited(grounds, STABLE)}; not in panic"
    )


def _panic(grounds: "Grounds", averages: Averages, panic: Limit) -> str:
    spec, base, over = grounds.spec, max(1, grounds.ready), grounds.over_threshold
    asked = [limit for limit in grounds.limits if limit.of == PANIC][-1].after
    words = (
        f"{'panic' if over else f'panic for {panic.left:.1f} s more'}:"
        f" {averages.panic_window:g} s average {averages.panic:.2f} / target {spec.target_value:.2f} wants"
        f" {grounds.want_panic} of {base} ready ({100 * grounds.want_panic / base:.0f} % {'>=' if over else '<'}"
        f" {100 * spec.panic_threshold:.0f} %){_limited(grounds, PANIC)}"
    )
    if panic.after == asked:
        return f"{words}, so never down"
    if panic.after == panic.before:
        return f"{words}, stable average {averages.stable:.2f} asks for {panic.after}"
    return f"{words}, kept at {panic.after}: never down in panic"


def _limited(grounds: "Grounds", of: str) -> str:
    """The last limit that changed what an average asked for."""
    changed = [limit for limit in grounds.limits if limit.of == of and limit.after != limit.before]
    return f", {_VERBS[changed[-1].name]} {changed[-1].after} by {changed[-1].name}" if changed else ""
