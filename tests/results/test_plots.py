from __future__ import annotations

from xml.etree import ElementTree

import pytest

from echocare_core.results.page.plots import Scale, bars, bin_edges, histogram, nice_step


def drawn(plot: str) -> ElementTree.Element:
    return ElementTree.fromstring(plot)


@pytest.mark.parametrize(
    ("step", "nice"), [(0.3, 0.5), (1, 1), (1.1, 2), (7, 10), (0.04, 0.05), (0, 1), (1e-12, 1e-12)]
)
def test_steps_are_round_numbers(step: float, nice: float):
    assert nice_step(step) == pytest.approx(nice)


def test_every_value_lies_between_the_edges():
    for values in ([3.0], [0.0, 0.0], [-5.0, 12.3], [1e-9, 2e-9], [100.0, 100.5, 1000.0]):
        edges = bin_edges(values)
        assert edges[0] <= min(values)
        assert edges[-1] >= max(values)


def test_ticks_lie_inside_and_are_round():
    assert Scale(12, 97, 0, 100).ticks() == [20, 40, 60, 80]


def test_the_bars_hold_all_values_and_those_not_believed_look_otherwise():
    plot = drawn(histogram("length (mm)", [float(n) for n in range(100)], "mm", believed=(20, 1000)))
    heights = {rect.get("class"): 0.0 for rect in plot.iter("rect")}
    for rect in plot.iter("rect"):
        heights[rect.get("class")] += float(rect.get("height", 0))
    assert heights["bar outside"] == pytest.approx(0.25 * heights["bar"], rel=0.01)


def test_few_values_are_a_dot_each():
    plot = drawn(histogram("length (mm)", [1.0, 1.0, 9.0], "mm", believed=(0, 5)))
    assert [dot.get("class") for dot in plot.iter("circle")] == ["bar", "bar", "bar outside"]
    assert len({(dot.get("cx"), dot.get("cy")) for dot in plot.iter("circle")}) == 3


def test_a_plot_says_in_words_what_it_shows():
    plot = drawn(histogram("length <mm>", [1.0, 2.0, 9.0], "mm"))
    assert plot.find("svg").get("aria-label") == "length <mm>: 3 values: median 2.0 mm, 1.0 to 9.0 mm"
    assert plot.find("svg").get("role") == "img"
    assert drawn(bars("organ", {"a & b": 2, "c": 1})).find("svg").get("aria-label") == "organ: a & b 2, c 1"


def test_of_many_answers_the_most_frequent_are_shown():
    plot = drawn(bars("organ", {f"organ {number}": number for number in range(1, 30)}))
    labels = [text.text for text in plot.iter("text") if text.get("class") == "label"]
    assert labels[0] == "organ 29"
    assert len(labels) == 8
