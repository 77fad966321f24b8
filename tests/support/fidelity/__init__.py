"""The emulator's own code against what was recorded of Knative's: one comparison for each list of a vector file.

    vectors      the files: where they are, what is in them
    comparison   what a comparison is, and how a difference is told
    scaling admission config routes requests revisions    the comparisons
    falsify      each way to change one expected value
    report       what `make fidelity` prints; page: docs/fidelity.md

`COMPARISONS` has them all; the tests in tests/core and `make fidelity` run the same ones.
"""

from fidelity import admission, breaker, config, naming, params, revisions, scaler, scaling, stats, traffic
from fidelity.comparison import Comparison

COMPARISONS: tuple[Comparison, ...] = (
    *admission.COMPARISONS,
    *scaling.COMPARISONS,
    *scaler.COMPARISONS,
    *stats.COMPARISONS,
    *breaker.COMPARISONS,
    *naming.COMPARISONS,
    *traffic.COMPARISONS,
    *revisions.COMPARISONS,
    *config.COMPARISONS,
    *params.COMPARISONS,
)
