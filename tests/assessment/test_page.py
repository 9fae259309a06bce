"""The page of an evaluation in a browser: whole, by itself, by keyboard, on a telephone and read aloud."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_results import (
    length_of,
    mask_of,
    scores_of,
    square,
    write_bundle,
    write_export,
    write_labels,
    write_mask,
    write_results,
)

from echocare_core.assessment.evaluate import evaluate
from echocare_core.assessment.page.sections import BY_CHANCE

EVIL = "<img src=x onerror=alert(1)>&'\""
NAMES = [f"ST{number // 2}/IM{number:02}" for number in range(30)]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation of masks, classes and lengths of two devices, beside another model."""
    folder = tmp_path_factory.mktemp("evaluation")
    draw = np.random.default_rng(1)
    truth = np.arange(30) % 3 == 0
    attributes = [
        {"PatientID": f"P{n // 2}", "ManufacturerModelName": ("Alpha", "Beta & Co")[n % 2]} for n in range(30)
    ]
    export = write_export(folder / "export", dict(zip(NAMES, attributes, strict=True)))
    rows = []
    for number, name in enumerate(NAMES):
        mask = write_mask(folder / f"{number}.png", square(8, 10))
        label = {"image": name, "mask": mask, "pathology": ("benign", "malignant")[int(truth[number])]}
        rows.append({**label, "length_mm": 50 + number, "grade": EVIL if number % 2 else "plain"})
    labels = write_labels(folder / "labels.csv", [*rows, {"image": EVIL, "length_mm": 1}])

    def results(name: str, spread: float, weights: str) -> Path:
        shares = np.clip(0.5 * truth + 0.25 + draw.normal(0, spread, 30), 0.01, 0.99)
        lengths = 50 + np.arange(30) + draw.normal(1, 5 * spread, 30)
        outputs = [
            [mask_of(square(8 + number % 4, 10)), scores_of(float(shares[number])), length_of(float(lengths[number]))]
            for number in range(30)
        ]
        written = [(name, 0, "frame", one) for name, one in zip(NAMES, outputs, strict=True)]
        return write_results(folder / name, export, written, weights=weights)

    own, other = results("own", 0.1, "a" * 64), results("other", 0.3, "b" * 64)
    bundle = write_bundle(folder / "bundle")
    evaluate(
        bundle, export, labels, folder / "out",
        results=own, compare_with=other, subgroups=["grade"], progress=False,
    )  # fmt: skip
    return folder / "out" / "evaluation.html"


Open = Callable[..., Any]


def test_the_page_has_every_part_and_asks_for_nothing_from_outside(page: Path, open_page: Open) -> None:
    shown = open_page(page)
    heads = shown.locator("h2").all_inner_texts()

    assert heads == [
        *("Summary", "Labels and results", "Mask", "Pathology", "Length", "Subgroups", "Beside another model"),
        *("Worst cases", "All cases", "Reporting checklist", "Beside this page"),
    ]
    titles = shown.locator("figure.plot figcaption").all_inner_texts()
    assert titles == [
        *("Dice of each case, nodule", "ROC curve", "Confusion", "Calibration", "Decision curve"),
        *("Agreement, length", "Measured and labelled, length"),
    ]


def test_every_plot_has_words_and_the_numbers_behind_it(page: Path, open_page: Open) -> None:
    shown = open_page(page)
    drawn = shown.locator("svg")

    assert all(drawn.nth(number).get_attribute("aria-label") for number in range(drawn.count()))
    for figure in shown.locator("figure.plot").all():
        figure.locator("summary").press("Enter")
        assert figure.locator("details table tbody tr").count() > 1
        assert figure.locator("details table").last.is_visible()


def test_what_is_left_over_is_named(page: Path, open_page: Open) -> None:
    text = open_page(page).locator("section[aria-labelledby=joined]").inner_text()

    assert "Left over: 1 label without a result, 0 files without a label" in text
    assert "no result of that path (image)" in text


def test_names_from_outside_stay_text(page: Path, open_page: Open) -> None:
    shown = open_page(page)

    assert shown.locator("img[src=x]").count() == 0
    assert EVIL in shown.locator("section[aria-labelledby=groups]").inner_text()


def test_the_worst_cases_are_shown_with_pictures_and_what_went_wrong(page: Path, open_page: Open) -> None:
    shown = open_page(page)
    worst = shown.locator("ol.worst").first.locator("li")

    assert worst.count() == 8
    assert worst.first.locator("figcaption").inner_text().startswith("Dice 0.85 nodule")
    assert worst.first.locator("img").evaluate("image => image.naturalWidth") > 100


def test_cases_of_the_middle_and_the_best_stand_below_the_worst(page: Path, open_page: Open) -> None:
    lists = open_page(page).locator("ol.worst")
    middle, best = (lists.nth(number).locator("figcaption strong").all_inner_texts() for number in (1, 2))

    assert [len(middle), len(best)] == [4, 4]
    assert set(best) == {"Dice 1.00 nodule"}
    assert all("Dice 0.85 nodule" < words < "Dice 1.00 nodule" for words in middle)


def test_what_is_said_of_several_subgroups_stands_where_there_are_some(page: Path, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", {"a.dcm": {}, "b.dcm": {}})
    written = [(name, 0, "frame", [length_of(50)]) for name in ("a.dcm", "b.dcm")]
    labels = write_labels(tmp_path / "labels.csv", [{"image": name, "length_mm": 49} for name in ("a.dcm", "b.dcm")])
    results = write_results(tmp_path / "results", export, written)
    bundle = write_bundle(tmp_path / "bundle")
    evaluate(bundle, export, labels, tmp_path / "out", results=results, progress=False)

    assert BY_CHANCE in page.read_text("utf-8")
    assert BY_CHANCE not in (tmp_path / "out" / "evaluation.html").read_text("utf-8")


def test_the_list_of_cases_is_sorted_by_the_keyboard(page: Path, open_page: Open) -> None:
    shown = open_page(page)
    head = shown.locator("table.cases thead button", has_text="Dice nodule")
    head.press("Enter")

    assert shown.locator("table.cases th[aria-sort=ascending]").count() == 1
    first = shown.locator("table.cases tbody tr").first.inner_text()
    assert "0.850" in first


def test_it_fits_a_telephone_and_the_dark(page: Path, open_page: Open) -> None:
    shown = open_page(page, width=390, height=800, color_scheme="dark")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_a_telephone_a_number_stands_on_one_line_with_its_unit(page: Path, open_page: Open) -> None:
    shown = open_page(page, width=400, height=800)
    cells = shown.locator("section[aria-labelledby=summary] td strong")
    heights = cells.evaluate_all("all => all.map(one => one.getClientRects().length)")

    assert heights == [1] * cells.count()
    assert "\u00a0mm" in "".join(shown.locator("ol.worst figcaption strong").all_inner_texts())


def test_plots_beside_each_other_are_as_large_and_none_stands_alone(page: Path, open_page: Open) -> None:
    shown = open_page(page, width=1280, height=900)
    lefts_of = "all => all.map(one => Array.from(one.children, child => child.getBoundingClientRect().left).slice(1))"
    rows = shown.locator(".plots.wide").evaluate_all(lefts_of)
    boxes = shown.locator("figure.plot > svg").evaluate_all("all => all.map(one => one.getAttribute('viewBox'))")

    assert all(lefts[-1] > 600 for lefts in rows)  # each row is full
    assert len(set(boxes)) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of(page: Path, open_page: Open, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    shown = open_page(page, color_scheme=scheme, bypass_csp=True)
    shown.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = axe.Axe().run(shown).response["violations"]

    assert [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found] == []
