"""Self-distillation as the comparison of recipes trains it: on pictures of speckle, with a network of seconds."""

import math
import sys
from pathlib import Path

import pytest
import torch
from small_network import SMALLEST
from small_pretraining import TREE, write_mix

from echocare_core.models import load_encoder
from echocare_core.pretraining.data.images import PretrainingImages
from echocare_core.pretraining.data.mix import read_mix
from echocare_core.pretraining.organs.tree import read_tree

STEPS, PROTOTYPES = 12, 16
CPU = torch.device("cpu")


@pytest.fixture
def distillation(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "benchmarks")
    import representation_distillation

    yield representation_distillation
    del sys.modules["representation_distillation"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = write_mix(tmp_path_factory.mktemp("mix"))
    return PretrainingImages(read_mix(folder / "mix.csv", read_tree(TREE)), 64, cache=True)


@pytest.fixture
def recipe(distillation):
    return distillation.Distillation(
        batch_size=8, global_px=64, local_px=32, prototypes=PROTOTYPES, hidden=16, bottleneck=8, learning_rate=5e-3
    )


@pytest.fixture
def training(distillation, images, recipe):
    return lambda: distillation.DistillationTraining(images, SMALLEST, recipe, seed=1, steps=STEPS, device=CPU)


def test_the_loss_falls_and_the_teacher_tells_images_apart_by_many_prototypes(training):
    trained = training()
    losses = [step["loss"] for step in trained.run()]
    assert sum(losses[-3:]) < sum(losses[:3]) - 0.3
    shown = next(iter(training().loader))["image"] / 255
    with torch.no_grad():
        cosines = trained.teacher.image(trained.teacher.encoder(shown)[-1].mean((2, 3)))
    shares = (cosines / trained.recipe.teacher_temperature).softmax(1)
    used = entropy(shares.mean(0))
    assert used > 0.5 * math.log(PROTOTYPES)
    assert used - entropy(shares).mean() > 0.05 * math.log(PROTOTYPES)


def test_only_the_student_learns_and_the_teacher_follows_it_slowly(training):
    trained = training()
    before = [weight.clone() for weight in trained.teacher.parameters()]
    trained.run()
    assert all(weight.grad is None for weight in trained.teacher.parameters())
    moved, ahead = (
        sum(float((weight.detach() - start).norm()) for weight, start in zip(network.parameters(), before, strict=True))
        for network in (trained.teacher, trained.student)
    )
    assert 0 < moved < 0.5 * ahead


def test_a_training_goes_on_exactly_where_it_stopped(training, tmp_path):
    whole = training().run()
    stopped = training()
    take_step = stopped.step

    def stop_at_the_seventh(batch, step):
        if step == 6:
            raise KeyboardInterrupt
        return take_step(batch, step)

    stopped.step = stop_at_the_seventh
    with pytest.raises(KeyboardInterrupt):
        stopped.run(tmp_path, every=4)
    assert training().run(tmp_path, every=4) == whole[4:]


def test_a_finished_training_leaves_the_teachers_encoder(distillation, images, recipe, tmp_path):
    wanted = {"seed": 1, "steps": 2, "device": CPU, "folder": tmp_path / "run"}
    path = distillation.train(images, SMALLEST, recipe, **wanted)
    trained = distillation.DistillationTraining(images, SMALLEST, recipe, seed=1, steps=2, device=CPU)
    trained.run()
    found, needed = load_encoder(path).state_dict(), trained.teacher.encoder.state_dict()
    assert all(torch.equal(found[name], needed[name]) for name in found)
    written = path.stat().st_mtime_ns
    assert distillation.train(images, SMALLEST, recipe, **wanted).stat().st_mtime_ns == written


def test_assignments_use_all_prototypes_alike_and_keep_the_order_of_cosines(distillation):
    cosines = torch.rand(64, 8, generator=torch.Generator().manual_seed(1)) * 0.2 + torch.linspace(0, 0.2, 8)
    shares = distillation.assign_equally(cosines, 0.1)
    assert torch.allclose(shares.sum(1), torch.ones(64))
    assert torch.allclose(shares.sum(0), torch.full((8,), 8.0), rtol=0.02)
    offset = shares.log() - cosines / 0.1  # one number per image and one per prototype
    assert torch.allclose(offset - offset[:1], (offset - offset[:1])[:, :1].expand(-1, 8), atol=1e-4)


def test_the_spread_loss_is_minus_the_mean_logarithm_of_the_nearest_distance(distillation):
    pooled = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    short = pooled / pooled.norm(dim=1, keepdim=True)
    nearest = torch.cdist(short, short).fill_diagonal_(math.inf).amin(1)
    assert distillation.spread_loss(pooled) == pytest.approx(float(-nearest.log().mean()), abs=1e-4)


def test_small_views_show_a_part_of_the_picture_and_only_the_first_large_view_has_hidden_patches(training):
    trained = training()
    batch = next(iter(trained.loader))
    large, small, masked = trained._views(batch)
    assert large.shape == (16, 3, 64, 64)
    assert small.shape == (16, 3, 32, 32)
    assert masked.shape == (8, 4, 4)
    assert masked.flatten(1).any(1).all()
    assert not masked.flatten(1).all(1).any()
    assert len({view.numpy().tobytes() for view in small}) == 16


def test_a_step_takes_time(distillation, images, recipe, monkeypatch):
    monkeypatch.setattr(distillation, "ROUNDS", 1)
    assert 0 < distillation.seconds_per_step(images, SMALLEST, recipe, CPU) < 10


def entropy(shares):
    return -(shares * shares.clamp(min=1e-12).log()).sum(-1)
