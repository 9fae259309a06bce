"""The jobs of the comparison of recipes: shared, done once, and measured without the masks that they are tested on."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_tables import write_table
from torch import nn

from echocare_core.models import build_encoder, save_encoder

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def modules(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield
    for name in [name for name in sys.modules if name.startswith("representation")]:
        del sys.modules[name]


def job(name, needs=(), found=None):
    from representation_queue import Job

    return Job(name, lambda known: found or {"needed": sorted(known)}, needs)


def fails(known):
    raise RuntimeError("it fails")


def test_a_job_that_is_done_is_not_done_again(tmp_path):
    from representation_queue import Queue

    Queue(tmp_path).run([job("one", found={"number": 1})])
    Queue(tmp_path).run([job("one", found={"number": 2})])
    assert Queue(tmp_path).found("one") == {"number": 1}


def test_a_job_gets_what_it_needs_and_those_are_chosen_with_it(tmp_path):
    from representation_queue import Queue, chosen

    jobs = chosen([job("train/a"), job("train/b"), job("probe/a", ("train/a",))], ["probe/*"])
    Queue(tmp_path).run(jobs)
    assert Queue(tmp_path).all_found() == {"train/a": {"needed": []}, "probe/a": {"needed": ["train/a"]}}


def test_a_job_of_another_process_is_left_to_it(tmp_path):
    from representation_queue import Queue, _claimed

    with _claimed(tmp_path / "claims" / "one"):
        assert Queue(tmp_path)._try(job("one"), []) is False
    assert Queue(tmp_path)._try(job("one"), []) is True


def test_a_job_that_fails_takes_with_it_only_those_that_need_it(tmp_path, capfd):
    from representation_queue import Job, Queue

    failed = Queue(tmp_path).run([Job("one", fails), job("two", ("one",)), job("three")])
    assert failed == ["one", "two"]
    assert list(Queue(tmp_path).all_found()) == ["three"]
    assert "it fails" in capfd.readouterr().err


def test_what_is_tested_on_a_set_has_seen_none_of_its_masks_and_then_none_of_its_organ(modules):
    from representation_masks import left_out

    assert left_out("bus_bra", whole_organ=False) == ("bus_bra",)
    assert left_out("bus_bra", whole_organ=True) == ("breast_usg", "bus_bra", "busi")
    one_half = ("aul_liver", "ccaui_carotid", "dltrack_muscle", "hc18")
    assert left_out("hc18", whole_organ=False) == left_out("aul_liver", whole_organ=True) == one_half


def test_a_structure_that_is_not_known_has_no_part_in_the_loss(modules):
    from representation_masks import partial_label_loss

    logits = torch.zeros(1, 2, 4, 4, requires_grad=True)
    present = torch.zeros(1, 2, 4, 4, dtype=torch.bool)
    partial_label_loss(logits, present, torch.tensor([[True, False]])).backward()
    assert logits.grad[0, 0].abs().min() > 0
    assert logits.grad[0, 1].abs().max() == 0


def test_the_body_of_a_network_is_carried_over_and_its_last_layer_is_not(modules, tmp_path):
    from representation_networks import build_network, save_network, start_from

    trained = build_network("MONAI UNet", "tiny", 6, seed=1)
    save_network(trained, tmp_path)
    fresh = build_network("MONAI UNet", "tiny", 2, seed=2)
    last = fresh.state_dict()["model.2.1.conv.unit0.conv.weight"].clone()
    state = start_from(fresh, tmp_path).state_dict()
    assert torch.equal(state["model.0.conv.unit0.conv.weight"], trained.state_dict()["model.0.conv.unit0.conv.weight"])
    assert torch.equal(state["model.2.1.conv.unit0.conv.weight"], last)


def test_scores_are_carried_over_as_they_are_and_the_background_starts_at_nothing(modules):
    from representation_networks import ChosenScores, build_network

    trained = build_network("MONAI UNet", "tiny", 6, seed=1)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        scores, chosen = trained(image), ChosenScores(trained, 6, [4, 1])(image)
    torch.testing.assert_close(chosen[:, 1:], scores[:, [4, 1]])
    assert not chosen[:, 0].any()


def test_a_network_that_keeps_its_features_is_told_how_far_they_moved(modules):
    from representation_masks import KeepingFeatures
    from representation_networks import build_network

    keeping = KeepingFeatures(build_network("encoder and decoder", "tiny", 2, seed=0))
    image = torch.rand(4, 3, 64, 64)
    keeping(image)
    assert keeping.moved == 0
    assert len(list(keeping.parameters())) == len(list(keeping.network.parameters()))
    with torch.no_grad():
        keeping.encoder.patch_embed.proj.weight.mul_(2)
    keeping(image)
    keeping.moved.backward()
    assert keeping.moved > 0
    assert keeping.encoder.patch_embed.proj.weight.grad.abs().max() > 0


def test_masks_move_with_their_pictures(modules):
    from representation_finetuning import augmented

    masks = torch.zeros(6, 1, 64, 64, dtype=torch.uint8)
    masks[:, :, 20:40, 16:44] = 2
    image, moved = augmented((masks > 0).expand(-1, 3, -1, -1).to(torch.uint8) * 255, masks, step=1, seed=0)
    assert set(moved.unique().tolist()) == {0, 2}
    assert ((image[:, :1] > 0.3) == (moved == 2)).float().mean() > 0.97


def test_any_network_is_tuned_on_masks_and_scored_picture_by_picture(modules, tmp_path, monkeypatch):
    import representation_measures
    from representation_measures import finetune_masks

    monkeypatch.setattr(representation_measures, "SIDE", 64)
    monkeypatch.setattr(representation_measures, "MASK_RATE", 0.01)
    table = write_table(tmp_path / "discs", ("train",) * 4 + ("test",) * 2)
    torch.manual_seed(0)
    network = nn.Sequential(nn.AvgPool2d(5, 1, 2), nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Conv2d(16, 2, 5, padding=2))
    before = finetune_masks(network, table, 1, None, 1, 0, CPU)
    after = finetune_masks(network, table, 1, None, 50, 0, CPU)
    assert after["dice"] == pytest.approx(np.mean(after["images"]), abs=1e-3)
    assert after["groups"] == ["patient-4", "patient-5"]
    assert after["dice"] > max(0.5, before["dice"])


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_weights_of_the_start_keep_a_share(share, modules, tmp_path):
    from representation_finetuning import Plan
    from representation_measures import tune_masks
    from representation_pictures import read_split

    table = write_table(tmp_path / "discs", ("train",) * 4 + ("test",) * 2)
    parts = [read_split(table, split, 64, labels=1) for split in ("train", "test")]
    weights = []
    for kept in (0.0, 1.0, share):
        torch.manual_seed(0)
        network = nn.Conv2d(3, 2, 5, padding=2)
        tune_masks(network, *parts, 1, 4, Plan(3, 0.01, seed=0), CPU, kept)
        weights.append(network.weight.detach())
    trained, start, found = weights
    assert (trained - start).abs().max() > 1e-3
    torch.testing.assert_close(found, trained + share * (start - trained))


def segmented(images, without=(), network="encoder and decoder"):
    return {"images": list(images), "groups": ["a", "b", "b"], "without": list(without), "network": network}


def test_the_report_compares_pictures_and_says_how_many_seeds_there_are(modules):
    from representation_report import report

    found = {
        f"masks/{name}/{seed}/BUS-BRA/64/{withheld}/equal steps": segmented(
            scores, () if name == "MONAI UNet" else ("bus_bra",)
        )
        for seed in (0, 1)
        for name, withheld, scores in (
            ("MONAI UNet", "without the set", (0.5, 0.6, 0.7)),
            ("ours", "without the set", (0.7, 0.8, 0.9)),
            ("ours", "without the organ", (0.6, 0.7, 0.8)),
        )
    }
    page = report(found, [], ["MONAI UNet"])
    assert "| MONAI UNet | 0.600 (0.500 to 0.650) (2) | 0.600 (0.500 to 0.650) (2) |" in page
    assert "| ours | +0.200 (+0.200 to +0.200) (2) | +0.100 (+0.100 to +0.100) (2) |" in page


def test_the_report_takes_no_result_for_another_that_is_not_there(modules):
    from representation_report import report

    found = {
        "masks/MONAI UNet/0/AUL/64/without the set/equal steps": segmented((0.5,) * 3, network="MONAI UNet"),
        "masks/ours/0/AUL/64/without the set/equal steps": segmented((0.6,) * 3, ("aul_liver",)),
        "masks/ours/1/AUL/64/without the set/equal time": segmented((0.7,) * 3, ("aul_liver",)),
    }
    equal_time = report(found, [], []).split("equal time:")[1]
    assert "| MONAI UNet | 0.500 (0.500 to 0.500) (1) |" in equal_time
    assert "| ours | 0.700 (0.700 to 0.700) (1) |" in equal_time


def test_a_seed_counts_in_the_report_once_all_its_tasks_are_there(modules):
    from representation_report import report

    found = {f"classes/SimCLR/{seed}/{task}/64": {"auc": 0.7 + seed / 10} for seed in (0, 1) for task in ("A", "B")}
    del found["classes/SimCLR/1/B/64"]
    page = report(found, [], [])
    assert "| SimCLR | 0.700 (1) |" in page.replace("|  ", "")


def test_an_interval_is_wider_where_a_group_has_all_the_difference(modules):
    from representation_report import interval

    values = np.array([[0.0, 0.0, 1.0, 1.0]])
    apart = interval(values, np.array(["a", "a", "b", "b"]))
    together = interval(values, np.array(["a", "b", "a", "b"]))
    assert apart == (0.0, 1.0)
    assert together == (0.5, 0.5)


@pytest.fixture
def small(modules, monkeypatch, tmp_path):
    """A comparison whose every part takes a moment."""
    import representation_comparison as comparison
    import representation_masks
    import representation_measures
    import representation_methods
    import representation_runs
    import representation_training

    for folder, labels in (("bus_bra", ["benign", "malignant"]), ("busi", ["benign", "malignant"])):
        splits = ("train",) * 4 + ("test",) * 4
        write_table(tmp_path / "data" / folder, splits, {"pathology": labels})
    monkeypatch.setattr(representation_methods, "write_gallbladder", lambda data, pictures: None)
    monkeypatch.setattr(
        representation_methods, "MIX", [("BUS-BRA", "bus_bra", "breast", 1), ("BUSI", "busi", "breast", 1)]
    )
    for place in (comparison, representation_masks, representation_runs):
        monkeypatch.setattr(place, "STRUCTURES", dict.fromkeys(("bus_bra", "busi"), ("breast lesion",)))
    for place in (comparison, representation_runs):
        monkeypatch.setattr(place, "MASKS", {"BUS-BRA": "bus_bra"})
    for place in (representation_training, representation_masks):
        monkeypatch.setattr(place, "STEPS_TIMED", 2)
        monkeypatch.setattr(place, "ROUNDS", 1)
    for place in (comparison, representation_masks, representation_runs):
        monkeypatch.setattr(place, "SIDE", 64)
    for place in (comparison, representation_runs):
        monkeypatch.setattr(place, "PROBE_SIDE", 64)
    monkeypatch.setattr(representation_measures, "FEW_STEPS", 1)
    monkeypatch.setattr(representation_training, "PICTURE", 64)
    monkeypatch.setattr(representation_runs, "STEPS", 2)
    contrast = tmp_path / "contrast.safetensors"
    save_encoder(build_encoder("tiny"), contrast)
    setting = representation_runs.Setting(tmp_path / "data", tmp_path / "work", "tiny", 0.001, 64, 4, CPU, contrast)
    methods = representation_methods.METHODS
    runs = representation_runs.Runs
    return lambda *names: comparison.Comparison(runs(setting, {name: methods[name] for name in names}))


def test_a_recipe_is_timed_trained_and_measured(small, tmp_path):
    from representation_queue import Queue, chosen

    patterns = ["probe/*/BUSI", "classes/*/BUSI/16", "masks/*/BUS-BRA/16/*/equal steps"]
    queue = Queue(tmp_path / "work")
    assert queue.run(chosen(small("SimCLR").jobs(1), patterns)) == []
    found = queue.all_found()
    assert found["train/SimCLR/0/all"]["steps"] == [1]
    assert set(found["probe/SimCLR/0/BUSI"]["deepest"]) == {"linear", "k-NN", "folds"}
    assert 0 <= found["classes/SimCLR/0/BUSI/16"]["auc"] <= 1
    assert len(found["masks/SimCLR/0/BUS-BRA/16/without the set/equal steps"]["images"]) == 4


def test_masks_are_learned_without_those_of_the_test(small, tmp_path):
    from representation_queue import Queue, chosen

    jobs = chosen(small("masks alone").jobs(1), ["masks/*/BUS-BRA/16/without the set/equal steps"])
    assert [job.name for job in jobs if job.name.startswith("train/")] == ["train/masks alone/0/without bus_bra"]
    assert Queue(tmp_path / "work").run(jobs) == []


@pytest.mark.parametrize("name", ["contrast, then masks", "MONAI UNet, masks alone"])
def test_scores_of_a_structure_that_other_sets_show_are_carried_to_a_set(name, small, tmp_path):
    from representation_queue import Queue, chosen

    jobs = chosen(small(name).jobs(1), ["masks/*/BUS-BRA/*/scores carried"])
    queue = Queue(tmp_path / "work")
    assert queue.run(jobs) == []
    steps = {job: one["steps"] for job, one in queue.all_found().items() if job.startswith("masks/")}
    place = f"masks/{name}/0/BUS-BRA"
    assert steps == {f"{place}/{count}/without the set/scores carried": 2 if count else 0 for count in (0, 16, 64)}


def test_labels_of_pixels_are_learned_with_the_decoder_and_without_those_of_the_test(small, tmp_path):
    from representation_queue import Queue, chosen

    name = "contrast and labels of pixels"
    jobs = chosen(small(name).jobs(1), [f"masks/{name}/0/BUS-BRA/16/without the set/equal steps"])
    assert [job.name for job in jobs if job.name.startswith("train/")] == [f"train/{name}/0/without bus_bra"]
    assert Queue(tmp_path / "work").run(jobs) == []
    assert (tmp_path / "work" / "runs" / name / "0" / "without bus_bra" / "segmentation_decoder.safetensors").is_file()


def test_the_pixels_of_a_data_set_that_is_left_out_are_unknown(small, tmp_path):
    from representation_queue import Queue, chosen

    comparison = small("SimCLR")
    Queue(tmp_path / "work").run(chosen(comparison.jobs(1), ["pictures/mix"]))
    trainings = comparison.runs.trainings
    assert trainings.images.planes[:, 4].amax((1, 2)).min() > 0
    method = comparison.runs.recipes["SimCLR"]
    batch = next(iter(trainings._trainer(method, 0, [8], ("busi",), []).data_loader))
    known = batch["pixel_label"].amax((1, 2, 3)) > 0
    first = len(trainings.images.mix.sources[0])
    assert known.tolist() == [int(row) < first for row in batch["name"]]
    assert set(known.tolist()) == {True, False}


def test_batches_on_a_device_are_those_of_a_loader_of_the_images_themselves(small, tmp_path):
    import representation_training
    from representation_queue import Queue, chosen
    from torch.utils.data import DataLoader

    from echocare_core.pretraining.data.images import PretrainingImages, collate

    comparison = small("SimCLR")
    Queue(tmp_path / "work").run(chosen(comparison.jobs(1), ["pictures/mix"]))
    trainings = comparison.runs.trainings
    ours = trainings._trainer(comparison.runs.recipes["SimCLR"], 0, [3], (), []).data_loader
    images = PretrainingImages(trainings.images.mix, representation_training.PICTURE)
    for one, other in zip(ours, DataLoader(images, batch_sampler=ours.batch_sampler, collate_fn=collate), strict=True):
        for name in ("image", "inside_sector", "pixel_label", "node", "group", "position"):
            assert torch.equal(one[name], other[name])
