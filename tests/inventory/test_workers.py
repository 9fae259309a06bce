"""Work in several processes keeps its order, and loses no more than the file that ends a process."""

import os

from echocare_core.inventory.workers import work_on

BATCHES = [["a", "b"], ["c", "deadly", "d"], ["e"]]


def perilous(names):
    """As a decoder may on a damaged stream: `deadly` ends the process."""
    if "deadly" in names:
        os._exit(1)
    return [name.upper() for name in names]


def test_a_file_that_kills_its_process_is_named_and_the_rest_is_read():
    expected = [(["a", "b"], ["A", "B"]), (["c", "deadly", "d"], ["C", None, "D"]), (["e"], ["E"])]
    assert list(work_on(BATCHES, perilous, 2)) == expected


def test_batches_are_asked_for_when_they_are_needed():
    asked = []
    batches = (asked.append(number) or [str(number)] for number in range(100))
    results = work_on(batches, list, 1)
    next(results)
    assert asked == [0]
