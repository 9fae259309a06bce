"""A measurement in the results: a number in a column whose name ends in its unit."""

from __future__ import annotations

from echocare_core.results.table.cells import finite
from echocare_core.results.table.place import Entries, Place
from echocare_core.types import Measurement


def measurement_fault(measurement: Measurement, image_px: tuple[int, int] | None) -> str | None:
    """What is wrong with a measurement, in words; None where nothing is: a number that is not finite is a blank."""
    return None if measurement.unit else f"{measurement.name} without a unit; needed one, such as mm or count"


def write_measurement(measurement: Measurement, place: Place) -> Entries:
    """One number; None where it is unknown or not finite."""
    return Entries({measurement.column: finite(measurement.value)})
