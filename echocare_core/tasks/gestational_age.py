"""Gestational age from the head circumference, with its interval, where the formula holds.

Hadlock F. P., Deter R. L., Harrist R. B., Park S. K.: Estimating fetal age: computer-assisted analysis of multiple
fetal growth parameters. Radiology 152:497-501, 1984; from 361 fetuses of 14 to 42 weeks.
"""

from __future__ import annotations

import math

from echocare_core.types import Measurement

FITTED_WEEKS = (14.0, 42.0)  # the ages of the fetuses that the formula was fitted to
VARIABILITY_WEEKS = ((18, 1.19), (24, 1.48), (30, 2.06), (36, 2.98), (42, 3.20))  # below that week: two standard errors


def measure_gestational_age(head_circumference: Measurement) -> tuple[Measurement, ...]:
    """Gestational age in weeks by the head circumference, and the ends of its interval of two standard errors.

    GA = 8.96 + 0.540 HC + 0.0003 HC^3, HC in cm (Hadlock et al. 1984). How far that is off is the variability that the
    paper gives for age groups: 1.19 weeks up to 18 weeks, then 1.48, 2.06 and 2.98 for six weeks each, and from 36
    weeks on 3.20, the wider of the two numbers, 2.70 and 3.20, by which it is quoted. What the circumference itself is
    off by comes on top.

    Args:
        head_circumference: outer to outer.

    Returns:
        `gestational_age`, `gestational_age_low` and `gestational_age_high`, all nan where there is no age: the
        circumference is unknown, in pixels, or of an age outside of `FITTED_WEEKS`.
    """
    age = _age_weeks(head_circumference.value / 10) if head_circumference.unit == "mm" else math.nan
    if not FITTED_WEEKS[0] <= age <= FITTED_WEEKS[1]:
        age = math.nan
    off = next((weeks for below, weeks in VARIABILITY_WEEKS if age < below), VARIABILITY_WEEKS[-1][1])
    ends = {"": age, "_low": age - off, "_high": age + off}
    return tuple(Measurement(f"gestational_age{end}", value, "week") for end, value in ends.items())


def _age_weeks(circumference_cm: float) -> float:
    return 8.96 + 0.540 * circumference_cm + 0.0003 * circumference_cm**3
