"""Lines of measurements are found again, to the bit, by whoever goes on with a run."""

import numpy as np

from echocare_core.results.lines import read_lines, save_lines
from echocare_core.results.table.place import Place
from echocare_core.types import Measurement, Text


def test_lines_are_read_back_under_the_columns_of_their_measurements(tmp_path):
    line = np.array([[0.1, 2.0], [3.0, 1 / 3]])
    outputs = (Measurement("axis", 3.0, "mm", line), Measurement("area", 3.0, "mm2"), Text("report", "Words."))
    place = Place(tmp_path, "ST1/IM1_f0000")
    path = save_lines(outputs, place)
    found = read_lines(tmp_path / path)
    assert place.files == [path]
    assert list(found) == ["axis_mm"]
    assert np.array_equal(found["axis_mm"], line)


def test_nothing_is_written_where_nothing_was_measured_along_a_line(tmp_path):
    assert save_lines((Measurement("area", 3.0, "mm2"),), Place(tmp_path, "IM1_f0000")) == ""
    assert not list(tmp_path.iterdir())
