"""The comparison of recipes trains what the pretraining bundle trains, and measures it as it says."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import typer
from monai.transforms import Compose

from echocare_core.models import PROFILES
from echocare_core.pretraining.stages import Stages

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIGS = REPOSITORY / "bundles" / "ultrasound_pretraining" / "configs"
TRAIN = json.loads((CONFIGS / "train.json").read_text(encoding="utf-8"))


@pytest.fixture
def recipes(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    import representation_methods

    yield representation_methods
    for name in [name for name in sys.modules if name.startswith("representation")]:
        del sys.modules[name]


@pytest.fixture
def training(recipes):
    import representation_training

    return representation_training


def weighted(stages):
    """Stages without their names and lengths; of a ramp of the organ labels its end."""
    kept = [{key: value for key, value in stage.items() if key not in ("name", "steps", "share")} for stage in stages]
    for stage in kept:
        ramp = stage.get("hierarchy", 0.0)
        stage["hierarchy"] = ramp[-1] if isinstance(ramp, list) else ramp
        stage.setdefault("reconstruction", 1.0)
        stage.setdefault("area", TRAIN["objective"]["views"]["area"])
    return kept


@pytest.mark.parametrize(("recipe", "file"), [("full", "all_parts.json"), ("full less masked modelling", "train.json")])
def test_the_recipe_has_the_stages_of_the_bundle(recipes, recipe, file):
    bundle = json.loads((CONFIGS / file).read_text(encoding="utf-8"))["stage_list"]
    assert weighted(recipes.METHODS[recipe].stages) == weighted(bundle)


def test_the_full_recipe_has_the_objective_and_the_optimiser_of_the_bundle(recipes, training):
    objective, network = TRAIN["objective"], TRAIN["network_def"]
    full = recipes.METHODS["full"]
    assert full.views == objective["views"]
    assert full.level_weights == objective["level_weights"]
    assert objective["places_per_image"] == training.PLACES
    assert TRAIN["picture_size"] == training.PICTURE
    assert (TRAIN["learning_rate"], TRAIN["weight_decay"]) == (training.PEAK, training.WEIGHT_DECAY)
    assert (
        network["decoder_width"],
        network["projector_width"],
        network["place_width"],
    ) == (training.DECODER, training.PROJECTOR, training.PLACE_WIDTH)


def test_every_recipe_has_stages_that_its_encoder_takes(recipes):
    for method in recipes.METHODS.values():
        if isinstance(method, recipes.Method):
            entries = [{key: value for key, value in stage.items() if key != "share"} for stage in method.stages]
            stages = Stages([{**stage, "steps": 1} for stage in entries])
            stages.check_fit(PROFILES["tiny"], place_maps=TRAIN["network_def"]["place_maps"])
            assert sum(stage["share"] for stage in method.stages) == pytest.approx(1)


def test_tables_of_several_data_sets_are_joined_and_their_groups_stay_apart(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    from tasks import join_tables

    for name, header, row in (
        ("one", "image,mask,group,split,diagnosis", "images/a.png,masks/a.png,7,train,benign"),
        ("other", "image,mask,group,split,pixel_mm", "a.png,,7,val,0.1"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "table.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    joined = join_tables([tmp_path / "one", tmp_path / "other"], tmp_path / "joined") / "table.csv"
    assert joined.read_text(encoding="utf-8").splitlines() == [
        "image,mask,group,split,pixel_mm",
        f"{tmp_path}/one/images/a.png,{tmp_path}/one/masks/a.png,one/7,train,",
        f"{tmp_path}/other/a.png,,other/7,val,0.1",
    ]


def test_pictures_of_other_organs_join_a_training_with_nothing_to_find_of_all_groups_alike(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    from tasks import join_tables, pictures_of_others

    for name, groups in (("breast", "1"), ("liver", "aaab")):
        (tmp_path / name).mkdir()
        rows = [f"{number}.png,{number}_mask.png,{group},train" for number, group in enumerate(groups)]
        table = "\n".join(["image,mask,group,split", *rows, "9.png,9_mask.png,z,test"])
        (tmp_path / name / "table.csv").write_text(table, encoding="utf-8")
    others = pictures_of_others([tmp_path / "liver"], 2)
    joined = pd.read_csv(join_tables([tmp_path / "breast"], tmp_path / "joined", others=others) / "table.csv")
    assert sorted(joined["group"]) == ["breast/1", "breast/z", "liver/a", "liver/b"]
    assert joined.loc[joined["group"].str.startswith("liver"), "mask"].tolist() == ["nothing", "nothing"]


def test_a_linear_layer_beside_masks_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    from tasks import Against, main

    with pytest.raises(typer.BadParameter, match="which draws masks; needed a bundle that tells classes"):
        main("breast_lesion_segmentation", [tmp_path], against=[Against.FROZEN], runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def augmentations(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    import augmentations

    yield augmentations
    for name in ["augmentations", "representation_pictures"]:
        sys.modules.pop(name, None)


def test_each_augmentation_that_is_compared_comes_after_those_of_the_bundle_and_runs(augmentations):
    bundle = json.loads((CONFIGS.parents[1] / "breast_lesion_segmentation" / "configs" / "train.json").read_text())
    item = {"image": torch.rand(3, 64, 64), "label": torch.zeros(1, 64, 64, dtype=torch.uint8)}
    unchanged = (augmentations.BASE, *augmentations.WITH_OTHERS)
    for name in augmentations.NAMES:
        added = augmentations.configured(name).get_parsed_content("augment")
        assert len(added) == len(bundle["augment"]) + (name not in unchanged)
        changed = Compose(added).set_random_state(0)(item)
        assert changed["image"].shape == (3, 64, 64)
        assert changed["label"].shape == (1, 64, 64)


def test_a_difference_is_that_of_the_same_pictures_and_seeds(augmentations):
    base = pd.DataFrame({"image": list("abcd"), "group": list("wxyz"), "data": "set", "dice": [0.1, 0.9, 0.4, 0.6]})
    base["shows"] = "lesions"
    better, much_better = base.assign(dice=base["dice"] + 0.02), base.assign(dice=base["dice"] + 0.04)
    part = ("set", "lesions")
    here = augmentations.of_part({0: better, 1: much_better}, [0, 1], part)
    plain = augmentations.of_part({0: base, 1: base}, [0, 1], part)

    over_patients, over_seeds, each = augmentations.differences(here, plain)

    assert over_patients == "+0.030 (+0.030 to +0.030)"
    assert each == "+0.020 +0.040"
    assert over_seeds == "-0.097 to +0.157"  # Student's t of two: 0.03 +- 12.71 * 0.01
