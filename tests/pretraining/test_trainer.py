"""The training: what it logs, what it sets aside, and when it refuses to go on."""

import logging

import pytest
import torch
from ignite.engine import Events
from small_pretraining import STAGES, TREE, Losses, small_run, write_mix

from echocare_core.errors import SettingsError, TableError, TrainingError
from echocare_core.pretraining.assembly import read_training_mix
from echocare_core.pretraining.objective import Objective
from echocare_core.pretraining.organs.tree import read_tree
from echocare_core.pretraining.progress import ReportSetAside
from echocare_core.pretraining.stages import Stages


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_mix(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def numbers(data, tmp_path_factory):
    losses = Losses()
    small_run(data, tmp_path_factory.mktemp("run"), handlers=[losses]).trainer.run()
    return losses.by_step


def test_each_term_and_its_weight_is_logged_and_they_add_up_to_the_loss(numbers):
    for step in numbers.values():
        terms = [name.removeprefix("weight_") for name in step if name.startswith("weight_")]
        assert step["loss"] == pytest.approx(sum(step[name] * step[f"weight_{name}"] for name in terms))
    assert set(terms) == {"reconstruction", "hierarchy", "contrast", "places", "ranking"}


def test_stages_follow_each_other_and_ramps_run_through_theirs(numbers):
    first, second = (stage["steps"] for stage in STAGES)
    assert [step["stage"] for step in numbers.values()] == [0] * first + [1] * second
    assert "contrast" not in numbers[first]
    assert (numbers[first + 1]["weight_contrast"], numbers[first + second]["weight_contrast"]) == (0.5, 1.0)
    assert (numbers[first + 1]["hard_share"], numbers[first + second]["hard_share"]) == (0.1, 0.5)


def test_the_gradient_reaches_every_weight_that_the_stage_trains(data, tmp_path):
    run = small_run(data, tmp_path)
    before = {name: tensor.clone() for name, tensor in run.bare.named_parameters()}

    run.trainer.run()

    still = [name for name, tensor in run.bare.named_parameters() if torch.equal(tensor, before[name])]
    assert still == []


def test_the_teacher_moves_towards_the_network(data, tmp_path):
    run = small_run(data, tmp_path)
    start = run.teacher.encoder.patch_embed.proj.weight.clone()

    run.trainer.run()

    moved, followed = run.teacher.encoder.patch_embed.proj.weight, run.bare.encoder.patch_embed.proj.weight
    assert 0 < (moved - start).norm() < (followed - start).norm()


KEPT = [
    {
        **{"name": "kept", "steps": 3, "batch_size": 4, "image_size": 64, "views": ["plain"], "reconstruction": 0.0},
        **{"hierarchy": 1.0, "distillation": 1.0},
    }
]


def test_a_teacher_whose_momentum_is_1_stays_what_the_network_was(data, tmp_path):
    run = small_run(data, tmp_path, stages=KEPT)
    run.trainer.momentum = (1.0, 1.0)
    start = {name: tensor.clone() for name, tensor in run.bare.state_dict().items()}

    run.trainer.run()

    first = "encoder.patch_embed.proj.weight"
    assert not torch.equal(run.bare.state_dict()[first], start[first])
    torch.testing.assert_close(run.teacher.state_dict(), start, atol=0, rtol=0)


def test_a_group_of_weights_keeps_the_ratio_of_its_rate(data, tmp_path):
    rates = []

    def in_two_groups(parameters, lr):
        first, *others = parameters
        return torch.optim.AdamW([{"params": others, "lr": lr}, {"params": [first], "lr": 0.3 * lr}])

    run = small_run(data, tmp_path, optimizer=in_two_groups)
    run.trainer.add_event_handler(
        Events.ITERATION_COMPLETED,
        lambda engine: rates.append([group["lr"] for group in engine.optimizer.param_groups]),
    )
    run.trainer.run()

    whole, part = zip(*rates, strict=True)
    assert len(set(whole)) > 5
    assert part == pytest.approx([0.3 * rate for rate in whole])


def test_a_loss_that_is_not_finite_stops_with_the_names_of_the_files(data, tmp_path, monkeypatch):
    run = small_run(data, tmp_path, every=1)
    loss_of = Objective.__call__

    def broken(objective, *arguments):
        result = loss_of(objective, *arguments)
        if run.trainer.state.iteration == 3:
            result.terms["reconstruction"] *= float("nan")
        return result

    monkeypatch.setattr(Objective, "__call__", broken)
    with pytest.raises(TrainingError, match=r"Step 3: loss nan.*\.png.*Look at these files"):
        run.trainer.run()
    weights = torch.load(tmp_path / "latest.pt")
    assert weights["steps"] == 2


def test_a_batch_that_cannot_be_cut_into_equal_parts_is_refused(data, tmp_path):
    with pytest.raises(SettingsError, match="'low' has batches of 4 images; needed a multiple of 3"):
        small_run(data, tmp_path, accumulation_steps=3)


def test_an_unreadable_image_is_named_once_and_counted(tmp_path, caplog):
    folder = write_mix(tmp_path / "data")
    (folder / "one" / "3.png").write_bytes(b"no picture")

    logging.getLogger("ignite").setLevel(logging.CRITICAL)  # as `echocare predict` leaves it in the same process

    with caplog.at_level(logging.WARNING):
        small_run(folder, tmp_path / "run", handlers=[ReportSetAside()]).trainer.run()

    named = [record.getMessage() for record in caplog.records if "3.png" in record.getMessage()]
    assert named == ["Set aside, since it cannot be read: one: 3.png"]
    assert "1 images could not be read and were replaced by others." in caplog.text


def test_fewer_images_than_a_batch_are_refused_before_the_training(data):
    stages = Stages([{**STAGES[0], "batch_size": 64}])

    with pytest.raises(SettingsError, match="24 images; needed 64"):
        read_training_mix(data / "mix.csv", read_tree(TREE), stages)


def test_pixels_alone_without_a_mask_are_refused_before_the_training(data):
    stage = {"name": "masks", "steps": 1, "batch_size": 4, "image_size": 64, "views": ["plain"], "reconstruction": 0}

    with pytest.raises(SettingsError, match=r"'masks' trains labels of pixels alone, .* has pixel_labels; needed some"):
        read_training_mix(data / "mix.csv", read_tree(TREE), Stages([{**stage, "pixels": 1.0}]))


def test_one_organ_alone_is_warned_of_where_the_hierarchy_is_trained(data, caplog):
    read_training_mix(data / "mix.csv", read_tree(TREE), Stages(STAGES))

    assert "names 1 organ" in caplog.text


def test_a_missing_mix_says_what_is_needed(tmp_path):
    with pytest.raises(TableError, match="needed a CSV with the columns name, source, organ, weight"):
        read_training_mix(tmp_path / "mix.csv", read_tree(TREE), Stages(STAGES))
