"""Every job of the comparison by its name: what a step costs, the trainings, and what is measured of each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from representation_masks import STRUCTURES, MaskTraining, left_out
from representation_measures import PROBE_SIDE, PROBES, SIDE
from representation_networks import OPPONENTS, OURS, UNET
from representation_queue import Job
from representation_runs import MASKS, Runs, Training

COUNTS = (16, 64, None)  # pictures with labels; None for all
MIX, MIX_PICTURES = "mix", "pictures/mix"  # jobs: the file, and the pictures in it
CARRIED = "scores carried"
SET, ORGAN = "without the set", "without the organ"  # what an encoder has seen masks of


class Comparison:
    """The jobs of some recipes.

    Args:
        runs: what does them.
    """

    def __init__(self, runs: Runs) -> None:
        self.runs = runs

    def jobs(self, seeds: int) -> list[Job]:
        """All of them, the first seed's of every recipe before the next one's."""
        runs = self.runs
        jobs = [self._job(MIX, runs.prepare), self._job(MIX_PICTURES, runs.decode_mix, MIX)]
        jobs += [
            self._job(f"cost/{name}", partial(runs.cost, name), MIX_PICTURES)
            for name in runs.recipes
            if runs.is_trained(name)
        ]
        jobs += [self._job(_cost_of(network), partial(runs.network_cost, network)) for network in (OURS, *OPPONENTS)]
        jobs += [self._job(name, partial(runs.decode, *asked), MIX) for name, asked in _asked_for().items()]
        for seed in range(seeds):
            for name in runs.recipes:
                jobs += [*self._trainings(name, seed), *self._features(name, seed), *self._masks(name, seed)]
        return jobs

    def _trainings(self, name: str, seed: int) -> Iterator[Job]:
        """One, or where it sees masks one for each data set, and each organ, that is left out."""
        runs = self.runs
        if not runs.is_trained(name):
            return
        tested = [*MASKS.values(), *(folder for folder, _ in PROBES.values() if folder in STRUCTURES)]
        withheld = [left_out(folder, whole) for folder in tested for whole in (False, True)]
        for without in dict.fromkeys([(), *withheld]) if runs.sees_masks(name) else [()]:
            one, needs = Training(name, seed, without), [MIX_PICTURES]
            if isinstance(runs.recipes[name], MaskTraining):
                needs = [_pictures(folder, SIDE, "") for folder in STRUCTURES if folder not in without]
            yield self._job(one.job, partial(runs.train, one), f"cost/{name}", *needs)

    def _features(self, name: str, seed: int) -> Iterator[Job]:
        runs = self.runs
        if runs.network(name) != OURS:
            return
        for task, (folder, column) in PROBES.items():
            one = Training(name, seed, left_out(folder, True) if runs.sees_masks(name) and folder in STRUCTURES else ())
            needs = [one.job] if runs.is_trained(name) else []
            run = partial(runs.probe, one, task)
            yield self._job(f"probe/{name}/{seed}/{task}", run, *needs, _pictures(folder, PROBE_SIDE, column))
            for count in COUNTS[:2] if task != "gallbladder" else ():
                run = partial(runs.classify, one, task, count)
                yield self._job(f"classes/{name}/{seed}/{task}/{count}", run, *needs, _pictures(folder, SIDE, column))

    def _masks(self, name: str, seed: int) -> Iterator[Job]:
        runs = self.runs
        network, sees = runs.network(name), runs.sees_masks(name)
        for task, folder in MASKS.items():
            withheld = (
                {left_out(folder, whole): ORGAN if whole else SET for whole in (False, True)} if sees else {(): SET}
            )
            for without, left in withheld.items():
                one = Training(name, seed, without)
                needs = [_pictures(folder, SIDE, ""), *([one.job] if runs.is_trained(name) else [])]
                if runs.knows_structures(name, folder, without):
                    for count in (0, *filter(None, COUNTS)):
                        run = partial(runs.segment_carried, one, task, count)
                        yield self._job(f"masks/{name}/{seed}/{task}/{count}/{left}/{CARRIED}", run, *needs)
                for count in COUNTS:
                    place = f"masks/{name}/{seed}/{task}/{count or 'all'}/{left}"
                    run = partial(runs.segment, one, task, count)
                    yield self._job(f"{place}/equal steps", partial(run, ()), *needs)
                    if network != UNET:
                        costs = (_cost_of(network), _cost_of(UNET))
                        yield self._job(f"{place}/equal time", partial(run, costs), *needs, *costs)

    def _job(self, name: str, run: Any, *needs: str) -> Job:
        return Job(name, lambda found: {**run(found), "device": self.runs.setting.device.type}, needs)


def _cost_of(network: str) -> str:
    """Name of the job that times a network's step."""
    return f"cost of a network/{network}"


def _pictures(folder: str, side: int, column: str) -> str:
    """Name of the job that decodes a data set."""
    return f"pictures/{folder}/{side} px/{column or 'masks'}"


def _asked_for() -> dict[str, tuple[str, int, str]]:
    """Folder, side and column of everything that is decoded, by the name of the job."""
    asked = [(folder, SIDE, "") for folder in STRUCTURES]
    asked += [(folder, side, column) for folder, column in PROBES.values() for side in (SIDE, PROBE_SIDE)]
    return {_pictures(*one): one for one in asked}
