"""The pretraining bundle, as users type it: train, stop, go on, two processes, evaluate, export."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import ConfigParser
from monai.networks.nets.swin_unetr import SwinTransformer
from PIL import Image
from safetensors.torch import load_file
from warm_python import run_python

import echocare_core
from echocare_core.errors import TrainingError
from echocare_core.models import PROFILES
from echocare_core.models.segmentation_decoder import load_segmentation_decoder
from echocare_core.pretraining.stages import TERMS
from echocare_core.pretraining.trainer import PretrainingTrainer
from echocare_core.pretraining.views.augmentation import make_view, prepare_pixels

REPOSITORY = Path(__file__).parents[2]
BUNDLE = REPOSITORY / "bundles" / "ultrasound_pretraining"
STAGES = [
    {"name": "low", "steps": 2, "batch_size": 4, "image_size": 64, "views": ["masked"]},
    {
        **{"name": "high", "steps": 2, "batch_size": 4, "image_size": 96, "views": ["masked", "plain", "plain"]},
        **{
            "hierarchy": 0.3,
            "contrast": [0.0, 1.0],
            "places": 0.5,
            "area": [0.6, 0.1],
            "ranking": 0.1,
            "hard_share": [0.0, 0.5],
        },
    },
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two organs, five images of each split and class, and their mix."""
    folder = tmp_path_factory.mktemp("data")
    for organ in ("breast", "liver"):
        (folder / organ).mkdir()
        rows = []
        for number, split in enumerate(["train"] * 10 + ["test"] * 4):
            speckle = np.random.default_rng(number).integers(60, 200, (80, 100), dtype=np.uint8)
            speckle[20:60, 30 : 50 + 20 * (number % 2)] //= 4
            Image.fromarray(speckle).save(folder / organ / f"{number}.png")
            rows.append((f"{number}.png", f"patient-{number}", split, ["narrow", "wide"][number % 2]))
        table = pd.DataFrame(rows, columns=["image", "group", "split", "shape"])
        table.to_csv(folder / organ / "table.csv", index=False)
    (folder / "mix.csv").write_text("name,source,organ,weight\nB,breast,breast,\nL,liver,liver,3\n", encoding="utf-8")
    return folder


def run(
    word: str, data: Path, out: Path, *settings: object, configs: tuple[str, ...] = ("train.json",), processes: int = 1
) -> CompletedProcess:
    """`python -m monai.bundle run WORD`, or the processes of torchrun, from an unrelated folder."""
    files = str([str(BUNDLE / "configs" / name) for name in configs])
    given = {"dataset_dir": data, "output_dir": out, "stage_list": STAGES, "device": "$torch.device('cpu')"}
    given |= {"picture_size": 96, "precision": "float32", "pictures_every": 2, "decoder": "pyramid"}
    if processes > 1:
        del given["device"]
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    command = ["-m", "monai.bundle", "run", word, "--config_file", files, *words, *settings]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return run_python(*command, cwd=out.parent, env=environment, processes=processes)


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess]:
    """The folder of a run through both stages, and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "run"
    return out, run("run", data, out)


def test_a_run_goes_through_its_stages_and_leaves_checkpoint_log_and_pictures(
    trained: tuple[Path, CompletedProcess],
) -> None:
    out, ran = trained

    assert ran.returncode == 0, ran.stderr
    assert "images_per_second" in ran.stderr
    names = {path.name for path in out.iterdir()}
    assert "latest.pt" in names
    assert any(name.startswith("events") for name in names)
    assert sorted(path.name for path in (out / "pictures").iterdir()) == ["step-0000002.png", "step-0000004.png"]
    with Image.open(out / "pictures" / "step-0000004.png") as picture:
        assert picture.width == 3 * 96 + 2 * 4


def test_the_exported_encoder_loads_strictly_into_monais_own_network(
    data: Path, trained: tuple[Path, CompletedProcess]
) -> None:
    out, _ = trained

    ran = run("export", data, out)

    assert ran.returncode == 0, ran.stderr
    state = load_file(out / "encoder.safetensors")
    assert state.pop("mask_token").shape == (1, 16, 1, 1)
    tiny = PROFILES["tiny"]
    network = SwinTransformer(
        in_chans=3, embed_dim=tiny.embed_dim, window_size=(8, 8), patch_size=(4, 4), depths=tiny.depths,
        num_heads=tiny.num_heads, mlp_ratio=4.0, qkv_bias=True, spatial_dims=2, use_v2=True,
    )  # fmt: skip
    network.load_state_dict(state, strict=True)


@pytest.fixture(scope="module")
def data_with_masks(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same data sets, one of them with masks."""
    folder = tmp_path_factory.mktemp("masks") / "data"
    shutil.copytree(data, folder)
    table = pd.read_csv(folder / "breast" / "table.csv")
    mask = np.zeros((80, 100), dtype=np.uint8)
    mask[20:60, 30:50] = 255
    Image.fromarray(mask).save(folder / "breast" / "mask.png")
    table.assign(mask="mask.png").to_csv(folder / "breast" / "table.csv", index=False)
    rows = ["name,source,organ,weight,pixel_labels", "B,breast,breast,,1=breast lesion", "L,liver,liver,3,"]
    (folder / "mix.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def test_a_mix_with_pixel_labels_trains_a_decoder_and_exports_it(data_with_masks: Path, tmp_path: Path) -> None:
    stages = [{**STAGES[1], "steps": 2, "views": ["plain", "plain"], "reconstruction": 0.0, "pixels": 1.0}]
    stages = [{key: value for key, value in stages[0].items() if key not in ("ranking", "hard_share")}]
    settings = ("--stage_list", stages, "--decoder", None)

    ran = run("run", data_with_masks, tmp_path / "run", *settings)
    exported = run("export", data_with_masks, tmp_path / "run", *settings)

    assert (ran.returncode, exported.returncode) == (0, 0), ran.stderr + exported.stderr
    assert (pd.read_csv(tmp_path / "run" / "curves.csv")["pixels"] > 0).all()
    assert [path.name for path in (tmp_path / "run" / "pictures").iterdir()] == ["pixels-0000002.png"]
    file = tmp_path / "run" / "segmentation_decoder.safetensors"
    assert load_segmentation_decoder(file, "tiny", width=32, width_limit=80)


def test_a_structure_that_is_not_in_the_tree_is_refused_before_anything_is_written(
    data_with_masks: Path, tmp_path: Path
) -> None:
    text = (data_with_masks / "mix.csv").read_text(encoding="utf-8").replace("lesion", "leison")
    (data_with_masks / "wrong.csv").write_text(text, encoding="utf-8")

    ran = run("run", data_with_masks, tmp_path / "run", "--mix_file", data_with_masks / "wrong.csv")

    assert ran.returncode != 0
    assert "row 1 (B): The organ tree has no 'breast leison'" in ran.stderr
    assert "nearest names are breast lesion" in ran.stderr
    assert not (tmp_path / "run").exists()


def test_a_run_starts_from_a_file_in_the_released_format(
    data: Path, trained: tuple[Path, CompletedProcess], tmp_path: Path
) -> None:
    weights = {f"module.{name}": tensor for name, tensor in torch.load(trained[0] / "latest.pt")["network"].items()}
    encoder = {name.replace("encoder.", ""): tensor for name, tensor in weights.items() if ".encoder." in name}
    torch.save({"state_dict": encoder}, tmp_path / "echocare_encoder.pth")

    ran = run("run", data, tmp_path / "run", "--encoder_weights", tmp_path / "echocare_encoder.pth")

    assert ran.returncode == 0, ran.stderr


def test_evaluation_reconstructs_names_organs_and_probes(data: Path, trained: tuple[Path, CompletedProcess]) -> None:
    out, _ = trained
    probes = [{"name": "shape", "table": str(data / "breast"), "label": "shape"}]

    ran = run("run", data, out, "--probes", probes, configs=("train.json", "evaluate.json"))

    assert ran.returncode == 0, ran.stderr
    found = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert found["images"] == 8
    assert found["weights"]["file"] == str(out / "latest.pt")
    assert found["masked_l1"] > 0
    assert set(found["tree_accuracy"]) == {"level 1", "level 2"}
    assert 0 <= found["probes"]["shape"]["linear_probe_auc"] <= 1
    assert (out / "reconstruction.png").is_file()


def test_two_processes_train_as_one_with_the_whole_batch(
    data: Path, trained: tuple[Path, CompletedProcess], tmp_path: Path
) -> None:
    ran = run("run", data, tmp_path / "run", configs=("train.json", "multi_gpu_train.json"), processes=2)

    assert ran.returncode == 0, ran.stderr
    one, two = (torch.load(folder / "latest.pt") for folder in (trained[0], tmp_path / "run"))
    assert two["steps"] == one["steps"] == 4
    for name, tensor in two["network"].items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, one["network"][name], rtol=0, atol=1e-4)


def test_an_organ_that_is_not_in_the_tree_is_refused_before_anything_is_written(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mix.csv").write_text(f"name,source,organ,weight\nB,{data / 'breast'},brest,\n", encoding="utf-8")

    ran = run("run", tmp_path, tmp_path / "run")

    assert ran.returncode != 0
    assert "row 1 (B)" in ran.stderr
    assert "breast" in ran.stderr
    assert not (tmp_path / "run").exists()


def configured(*names: str, **settings: object) -> ConfigParser:
    """The bundle's configurations, the later ones over the first."""
    parser = ConfigParser()
    parser.read_config([str(BUNDLE / "configs" / name) for name in names])
    parser.update({"bundle_root": str(BUNDLE), **settings})
    return parser


@pytest.mark.parametrize("name", ["all_parts.json", "released.json", None])
def test_every_stage_fits_the_network_and_finds_its_heads(name: str | None) -> None:
    parser = configured(*filter(None, ("train.json", name)), encoder="tiny", **{"network_def#pixel_channels": 3})
    network, stages = parser.get_parsed_content("network_def"), parser.get_parsed_content("stages")
    stages.check_fit(network.encoder.profile, network.place_maps)
    for stage in stages.stages:
        network.check_heads(stage.heads)


def small_default(data: Path, out: Path, **settings: object) -> PretrainingTrainer:
    """The trainer of the stages as they are shipped, but of two steps each."""
    parser = configured("train.json", dataset_dir=str(data), output_dir=str(out), device="$torch.device('cpu')")
    short = [{**stage, "steps": 2, "batch_size": 4} for stage in settings.get("stage_list", parser["stage_list"])]
    parser.update({"picture_size": 96, **settings, "stage_list": short})
    return parser.get_parsed_content("trainer")


@pytest.fixture(scope="module")
def default_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with the stages as they are shipped."""
    out = tmp_path_factory.mktemp("default") / "run"
    small_default(data, out).run()
    return out


def test_the_stages_that_are_shipped_train_without_a_decoder(default_run: Path) -> None:
    network = torch.load(default_run / "latest.pt")["network"]
    assert not [name for name in network if name.startswith("decoder")]
    assert not (default_run / "pictures").exists()


def test_a_later_stage_without_its_head_is_refused_before_the_training(data: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        small_default(data, tmp_path / "run", decoder="ladder", stage_list=STAGES)
    assert "needed decoder 'pyramid'" in str(error.value.__cause__)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"objective#places_per_image": 3}, "places"),
        ({"objective#temperature": 0.2}, "contrast"),
        ({"objective#views#flip": 0.4}, "views"),
        ({"sector_only": False}, "reconstruction"),
        ({"optimizer#amsgrad": True}, "optimiser"),
        ({"learning_rate": 0.002}, "learning rate"),
        ({"accumulation_steps": 2}, "gradient"),
        ({"trainer#momentum": [0.9, 0.9]}, "momentum"),
        ({"seed": 1}, "seed"),
        ({"picture_size": 128}, "picture_size"),
        ({"precision": "float32"}, "precision"),
    ],
)
def test_a_run_does_not_go_on_with_other_settings(
    data: Path, default_run: Path, tmp_path: Path, changed: dict, named: str
) -> None:
    shutil.copytree(default_run, tmp_path / "run")
    with pytest.raises(TrainingError, match=rf"other settings: .*\b{named} "):
        small_default(data, tmp_path / "run", **changed).run()


def test_all_parts_trains_all_parts_and_the_second_training_keeps_what_was_learned() -> None:
    stages = configured("train.json", "all_parts.json").get_parsed_content("stages")
    second = configured("train.json", "label_pixels.json").get_parsed_content("stages")
    assert {term for stage in stages.stages for term in stage.terms} == set(TERMS) - {"distillation"}
    assert {term for stage in second.stages for term in stage.terms} == {"pixels", "distillation"}
    assert stages.mines
    assert len(stages.stages) > 1


def test_the_published_recipe_changes_the_optimiser_and_the_views(data: Path) -> None:
    parser = configured("train.json", "released.json", encoder="tiny", dataset_dir=str(data))
    assert parser.get_parsed_content("optimizer").defaults["amsgrad"]
    views = parser.get_parsed_content("objective").settings
    pixels = prepare_pixels(torch.randint(0, 256, (2, 3, 256, 256), dtype=torch.uint8), torch.ones(2, 1, 256, 256), 256)
    assert torch.allclose(make_view(pixels, torch.arange(2), "0", 256, views, 1).image, pixels[:, :3], atol=1e-4)


def test_every_check_passes_or_does_not_apply() -> None:
    findings = echocare_core.check(BUNDLE)

    assert [finding for finding in findings if finding.outcome == "failed"] == []
    assert "passed" in {finding.outcome for finding in findings if finding.check == "metadata"}


def test_the_bundle_carries_the_organ_tree_of_the_manifests() -> None:
    shipped = (BUNDLE / "configs" / "organ_tree.yaml").read_bytes()
    assert shipped == (REPOSITORY / "data_manifests" / "organ_tree.yaml").read_bytes()
