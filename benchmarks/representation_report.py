"""The tables of the comparison in Markdown, of whatever is there; how many seeds stand behind a number is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from representation_networks import UNET
from scipy import stats

EQUAL_TIME = "equal time"
RESAMPLES, PERCENTILES = 2000, (2.5, 97.5)
FEATURES = [(where, how) for where in ("deepest", "pooled") for how in ("linear", "k-NN", "folds")]
Found = Mapping[str, dict[str, Any]]
Numbers = NDArray[np.float64]


def report(found: Found, against: Sequence[str], against_masks: Sequence[str]) -> str:
    """All tables.

    Args:
        found: the results of jobs by their names (`representation_comparison`).
        against: recipes whose features and classes the others' are compared with, pair by pair of seeds.
        against_masks: recipes whose masks the others' are compared with, pair by pair of pictures and seeds.
    """
    columns = dict(_columns(found))
    names = _names(found)
    texts = [
        "Frozen features and classes: AUC, mean over tasks and seeds ± half of the 95 % interval over seeds (seeds).",
        _table(names, list(columns), lambda name, column: _over_seeds(columns[column].get(name, {}))),
    ]
    for other in against:
        texts += [
            f"The same minus {other}, by seed.",
            _table(names, list(columns), lambda name, column, o=other: _difference(columns[column], name, o)),
        ]
    texts += [
        "Linear probe of the deepest map by task, AUC on `test` (seeds).",
        _table(names, _tasks(found), lambda name, task: _over_seeds(_probe_of(found, name, task))),
    ]
    for budget in dict.fromkeys(key.rsplit("/", 1)[-1] for key in found if key.startswith("masks/")):
        texts += _mask_tables(found, names, budget, against_masks)
    parts = [f"{title}\n\n{table}\n" for title, table in zip(texts[::2], texts[1::2], strict=True) if table]
    return "\n".join(parts)


def _columns(found: Found) -> Iterator[tuple[str, dict[str, dict[int, float]]]]:
    """Of each column a number for every recipe and seed with all of its tasks."""
    for where, how in FEATURES:
        yield f"{where}, {how}", _means(found, "probe", lambda one, w=where, h=how: one[w][h], "")
    for count in sorted({key.rsplit("/", 1)[-1] for key in found if key.startswith("classes/")}):
        yield f"{count} images", _means(found, "classes", lambda one: one["auc"], f"/{count}")


def _means(
    found: Found, kind: str, number: Callable[[dict[str, Any]], float], ending: str
) -> dict[str, dict[int, float]]:
    by_recipe: dict[str, dict[int, list[float]]] = {}
    tasks = set()
    for key, one in found.items():
        parts = key.split("/")
        if parts[0] == kind and key.endswith(ending):
            by_recipe.setdefault(parts[1], {}).setdefault(int(parts[2]), []).append(number(one))
            tasks.add(parts[3])
    return {
        name: {seed: float(np.mean(numbers)) for seed, numbers in seeds.items() if len(numbers) == len(tasks)}
        for name, seeds in by_recipe.items()
    }


def _probe_of(found: Found, name: str, task: str) -> dict[int, float]:
    start = f"probe/{name}/"
    return {
        int(key.split("/")[2]): one["deepest"]["linear"]
        for key, one in found.items()
        if key.startswith(start) and key.split("/")[3] == task
    }


def _mask_tables(found: Found, names: Sequence[str], budget: str, against: Sequence[str]) -> Iterator[str]:
    keys = [key.split("/") for key in found if key.startswith("masks/") and key.endswith(f"/{budget}")]
    for count in sorted({key[4] for key in keys}, key=lambda text: int(text) if text.isdigit() else np.inf):
        places = list(dict.fromkeys((key[3], key[5]) for key in keys if key[4] == count))
        columns = {f"{task}, {withheld}": (task, withheld) for task, withheld in places}

        def scores(name: str, column: str, count: str = count, columns: dict = columns) -> dict[int, dict[str, Any]]:
            task, withheld = columns[column]
            return _scores(found, name, task, count, withheld, budget)

        yield f"Masks, {count} images, {budget}: Dice on `test`, 95 % bootstrap interval over groups and seeds (seeds)."
        yield _table(names, list(columns), lambda name, column: _bootstrapped(scores(name, column)))
        for other in against:
            yield f"The same minus {other}, picture by picture."
            yield _table(
                [name for name in names if name != other],
                list(columns),
                lambda name, column, o=other: _bootstrapped(scores(name, column), scores(o, column)),
            )


def _scores(found: Found, name: str, task: str, count: str, withheld: str, budget: str) -> dict[int, dict[str, Any]]:
    """Results by seed; what saw no masks stands in every column, and the UNet's own time is that of all."""
    of_seed = {}
    for key, one in found.items():
        if key.startswith(f"masks/{name}/"):
            _, _, seed, place, images, left, steps = key.split("/")
            timed = budget == EQUAL_TIME and one.get("network") == UNET
            fits = (left == withheld or not one.get("without")) and (steps == budget or timed)
            if (place, images) == (task, count) and fits:
                of_seed[int(seed)] = one
    return of_seed


def _bootstrapped(scores: dict[int, dict[str, Any]], others: dict[int, dict[str, Any]] | None = None) -> str:
    """Mean, or mean difference to others of the same seeds, with its interval."""
    seeds = [seed for seed in scores if others is None or seed in others]
    if not seeds:
        return ""
    values = np.array([scores[seed]["images"] for seed in seeds])
    if others is not None:
        values = values - np.array([others[seed]["images"] for seed in seeds])
    low, high = interval(values, np.array(scores[seeds[0]]["groups"]))
    sign = "" if others is None else "+"
    return f"{values.mean():{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f}) ({len(seeds)})"


def interval(values: Numbers, groups: NDArray[np.str_]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of (seeds, images): groups of images and seeds are drawn anew."""
    numbers = np.unique(groups, return_inverse=True)[1]
    most = int(numbers.max()) + 1
    sums = np.stack([np.bincount(numbers, one, most) for one in values])
    sizes = np.bincount(numbers, minlength=most)
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(most, np.full(most, 1 / most), RESAMPLES)
    seeds = generator.multinomial(len(values), np.full(len(values), 1 / len(values)), RESAMPLES) / len(values)
    means = ((drawn @ sums.T) * seeds).sum(1) / (drawn @ sizes)
    low, high = np.percentile(means, PERCENTILES)
    return float(low), float(high)


def _difference(column: dict[str, dict[int, float]], name: str, other: str) -> str:
    ours, theirs = column.get(name, {}), column.get(other, {})
    return (
        "" if name == other else _over_seeds({seed: ours[seed] - theirs[seed] for seed in ours if seed in theirs}, "+")
    )


def _over_seeds(numbers: Mapping[int, float], sign: str = "") -> str:
    values = list(numbers.values())
    if not values:
        return ""
    if len(values) == 1:
        return f"{values[0]:{sign}.3f} (1)"
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return f"{np.mean(values):{sign}.3f} ± {half:.3f} ({len(values)})"


def _names(found: Found) -> list[str]:
    kinds = ("probe", "classes", "masks")
    return list(dict.fromkeys(key.split("/")[1] for key in found if key.split("/")[0] in kinds))


def _tasks(found: Found) -> list[str]:
    return sorted({key.split("/")[3] for key in found if key.startswith("probe/")})


def _table(rows: Sequence[str], columns: Sequence[str], cell: Callable[[str, str], str]) -> str:
    """A Markdown table; rows without a number are left out, and a table without rows is nothing."""
    filled = {row: [cell(row, column) for column in columns] for row in rows}
    body = [[row, *cells] for row, cells in filled.items() if any(cells)]
    lines = [["recipe", *columns], ["---"] * (len(columns) + 1), *body] if body else []
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
