"""MONAI Label with our bundles, as a viewer sees it: started by `echocare label`, asked over REST."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ultrasound_files import marked, write_ultrasound

pytest.importorskip("monailabel", reason="MONAI Label is not installed: its environment is constraints-label.txt")

import itk
import nibabel
import pydicom
import torch
from bright_network import BrightNetwork
from dicomweb_client import DICOMwebClient
from label_server import Server, running_server
from orthanc import MISSING, running_orthanc, store

import echocare_core as echocare
from echocare_core.bundle import read_metadata, shipped_folder

BUNDLES = sorted(
    folder
    for folder in shipped_folder().iterdir()
    if next(iter(read_metadata(folder)["network_data_format"]["outputs"].values()))["format"] == "segmentation"
)
NAMES = [folder.name for folder in BUNDLES]
HEAD, CORNER, DETECTION = "fetal_head_segmentation", "corner_segmentation", "organ_detection"
DEMO = Path(echocare.__file__).parent / "demo" / "export"
SIZE = (96, 128)  # (height, width) of the pictures with a mark, which is 4 rows by 6 columns eight times as large
STILL, CINE = "exam/IM0001", "exam/cine"


def write_corner_bundle(folder: Path) -> Path:
    """A bundle with the configuration of a shipped one, and a network that marks what is bright."""
    shutil.copytree(next(one for one in BUNDLES if one.name == HEAD), folder)
    for name, changes in {"metadata": {"bundle_name": CORNER}, "inference": {}, "train": {}}.items():
        path = folder / "configs" / f"{name}.json"
        entries = {**json.loads(path.read_text()), **changes}
        if "network_def" in entries:
            entries["network_def"] = {"_target_": "bright_network.BrightNetwork"}
        path.write_text(json.dumps(entries))
    torch.save(BrightNetwork().state_dict(), folder / "models" / "model.pt")
    return folder


def mark(frames: int = 1) -> np.ndarray:
    """Dark frames whose top right corner, 32 by 48 pixels, is bright."""
    return np.kron(marked(frames, height=12, width=16), np.ones((1, 8, 8, 1), dtype=np.uint8))


def write_studies(folder: Path) -> Path:
    """An export as it comes: real pictures, also deep in folders and without an ending, and pictures with a mark."""
    (folder / "exam").mkdir(parents=True)
    real = sorted(echocare.read_export(str(DEMO)).files, key=lambda frames: (len(frames), str(frames.path)))
    shutil.copy(real[0].path, folder / STILL)
    shutil.copy(real[-1].path, folder / f"{CINE}.dcm")
    for number, frames in enumerate(real[1:5]):
        Image.fromarray(frames.pixels[0]).save(folder / f"p{number}.png")
    Image.fromarray(mark()[0]).save(folder / "mark.png")
    Image.fromarray(mark()[0]).save(folder / "photo.jpg", quality=95)
    write_ultrasound(folder / "exam" / "mark.dcm", mark(), spacing_mm=(0.3, 0.3))
    write_ultrasound(folder / "exam" / "marks.dcm", np.concatenate([mark() * 0 + 9, mark()]), spacing_mm=(0.3, 0.3))
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("label")


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    corner = write_corner_bundle(place / CORNER)
    bundles = [*BUNDLES, corner, shipped_folder() / DETECTION]
    with running_server(write_studies(place / "studies"), bundles, place / "app") as running:
        yield running


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_the_mark(mask: np.ndarray) -> bool:
    """Whether a mask is the corner where the mark is, but for a pixel that resizing may move its edge by."""
    mask = mask.squeeze()
    inside, outside = mask[:31, -47:], mask.copy()
    outside[:34, -50:] = 0
    return mask.shape == SIZE and mask.dtype == np.uint8 and bool((inside == 1).all()) and not outside.any()


def test_info_names_every_suitable_bundle_its_training_and_what_to_draw_next(server: Server) -> None:
    info = server.get("/info/")
    assert set(info["models"]) == set(info["trainers"]) == {*NAMES, CORNER, DETECTION}
    assert {"uncertainty", *(f"uncertainty_{name}" for name in NAMES)} <= set(info["strategies"])
    assert f"uncertainty_{DETECTION}" not in info["strategies"]
    assert info["models"][DETECTION]["labels"]["breast_lesion"] == 5
    assert all(model["type"] == "segmentation" and model["dimension"] == 2 for model in info["models"].values())


def test_studies_are_found_at_any_depth(server: Server) -> None:
    images = {f"p{number}" for number in range(4)} | {"mark", "photo", "exam/mark", "exam/marks", STILL, CINE}
    assert set(server.get("/datastore/", output="all")["objects"]) == images


@pytest.mark.parametrize("image", ["mark", "photo", "exam/mark"])
@pytest.mark.parametrize("asked", [{}, {"result_extension": ".nrrd"}, {"result_extension": ".nii.gz"}])
def test_a_mark_in_one_corner_comes_back_there(
    server: Server, tmp_path: Path, image: str, asked: dict[str, str]
) -> None:
    mask, _ = server.mask(tmp_path, CORNER, image, **asked)
    assert is_the_mark(mask)


@pytest.mark.parametrize("name", ["mark.png", "photo.jpg", "exam/mark.dcm", "mark.nrrd", "mark.nii.gz"])
def test_an_upload_is_read(server: Server, place: Path, tmp_path: Path, name: str) -> None:
    path = place / "studies" / name
    if not path.exists():  # as a viewer that has read a picture sends it on
        path = tmp_path / name
        grey = np.ascontiguousarray(mark()[0, ..., 0])
        if name.endswith(".nrrd"):
            itk.imwrite(itk.image_from_array(grey[None]), str(path))
        else:
            nibabel.save(nibabel.Nifti1Image(grey.T[..., None], np.diag([-1, -1, 1, 1])), path)
    mask, _ = server.mask(tmp_path, CORNER, "", path)
    assert is_the_mark(mask)


def test_a_cine_answers_the_frame_that_is_asked_for_and_says_which(server: Server, tmp_path: Path) -> None:
    first, said = server.mask(tmp_path, CORNER, "exam/marks")
    second, also_said = server.mask(tmp_path, CORNER, "exam/marks", frame=1)
    assert not first.any()
    assert is_the_mark(second)
    assert (said["frame"], also_said["frame"]) == (0, 1)
    assert said["says"] == "This is frame 1 of 2; the parameter frame (0 to 1) asks for another."


def test_a_picture_of_a_session_is_read(server: Server, tmp_path: Path) -> None:
    """As 3D Slicer asks about a picture that the server has not."""
    path = tmp_path / "x.nii.gz"
    nibabel.save(
        nibabel.Nifti1Image(np.ascontiguousarray(mark()[0, ..., 0].T[..., None]), np.diag([-1, -1, 1, 1])), path
    )
    files = [("files", (path.name, path.read_bytes()))]
    session = server.session.put(f"{server.address}/session/", files=files, timeout=60).json()["session_id"]
    answer = server.post(f"/infer/{CORNER}", session_id=session, output="json").json()
    assert answer["frame"] == 0
    assert answer["annotations"][0]["annotation"]["elements"]


def test_an_uploaded_picture_joins_the_studies_and_all_are_predicted(server: Server, place: Path) -> None:
    broken = {"file": ("b.png", b"\x89PNG\r\n\x1a\n nothing")}
    for name, parts in (
        ("new/one", {"file": ("n.png", (place / "studies" / "mark.png").read_bytes())}),
        ("bad", broken),
    ):
        answer = server.session.put(
            f"{server.address}/datastore/image", params={"image": name}, files=parts, timeout=60
        )
        assert answer.json() == {"image": name}
    assert (
        server.session.put(f"{server.address}/datastore/image", params={"image": "../out"}, files=broken, timeout=60)
        .json()["detail"]
        .startswith("SettingsError: The picture's name leads out of the studies")
    )
    answer = server.post(f"/batch/infer/{CORNER}", {"save_label": True}, images="all", run_sync=True)
    assert answer.status_code == 200, answer.text
    total = server.get("/datastore/")["total"]
    assert server.get("/datastore/")["label_tags"] == {"original": total - 1}
    for name in ("new/one", "bad"):
        server.session.delete(f"{server.address}/datastore/image", params={"id": name}, timeout=60)


def test_outlines_are_told_as_cvat_reads_them(server: Server) -> None:
    answer = server.ask(CORNER, "photo", output="json").json()
    [element] = answer["annotations"][0]["annotation"]["elements"]
    [contour] = element["contours"]
    columns, rows = np.array(contour).T
    assert element["label"] == "head"
    assert [columns.min(), columns.max(), rows.min(), rows.max()] == pytest.approx([80, 127, 0, 31], abs=2)


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda folder: folder.name)
def test_every_bundle_answers_there_what_it_predicts(server: Server, bundle: Path, place: Path, tmp_path: Path) -> None:
    """Masks equal to the pixel, and every number, against the bundle's own prediction of the same files."""
    export = tmp_path / "export"
    export.mkdir()
    for name in ("p0.png", "photo.jpg", STILL, f"{CINE}.dcm"):
        shutil.copy(place / "studies" / name, export)
    echocare.predict(str(bundle), str(export), str(tmp_path / "out"), settings={"engine": "torch"})
    table = pd.read_csv(tmp_path / "out" / "results.csv")
    wanted = {"p0.png": ("p0", 0), "photo.jpg": ("photo", 0), "IM0001": (STILL, 0), "cine.dcm": (CINE, 6)}
    for source, (image, frame) in wanted.items():
        [row] = table[(table["source"] == source) & (table["frame"] == frame)].to_dict("records")
        mask, numbers = server.mask(tmp_path, bundle.name, image, frame=frame)
        assert np.array_equal(mask, np.asarray(Image.open(tmp_path / "out" / row["mask"])))
        measured = {name: value for name, value in numbers.items() if name.rpartition("_")[2] in ("mm", "mm2", "px")}
        measured.pop("spacing_mm")
        assert measured == pytest.approx({name: row[name] for name in measured}, abs=6e-4)


def test_a_detection_answers_there_with_the_boxes_that_it_predicts(server: Server, place: Path, tmp_path: Path) -> None:
    shutil.copy(place / "studies" / "p0.png", tmp_path)
    echocare.predict(DETECTION, str(tmp_path / "p0.png"), str(tmp_path / "out"), settings={"engine": "torch"})
    boxes = pd.read_csv(tmp_path / "out" / "boxes.csv")
    mask, said = server.mask(tmp_path, DETECTION, "p0")

    assert len(boxes) > 0
    assert [box["label"] for box in said["boxes"]] == list(boxes["label"])
    edges = boxes[["top_px", "left_px", "bottom_px", "right_px"]].to_numpy()
    assert np.array([box["corners_px"] for box in said["boxes"]]) == pytest.approx(edges, abs=0.01)
    assert mask.shape == Image.open(tmp_path / "p0.png").size[::-1]
    top, left, bottom, right = edges[0].round().astype(int)
    assert (mask[top:bottom, left:right] > 0).all()


ERRORS: dict[str, tuple[dict[str, Any], int, str]] = {
    "no such picture": ({"image": "nobody"}, 404, "The studies have no picture 'nobody'"),
    "no such frame": ({"image": CINE, "frame": 999}, 400, "UnreadableFrames: cine.dcm has 11 frames"),
    "a frame that is no number": ({"image": CINE, "frame": "last"}, 400, "frame is 'last'; needed a number"),
    "MONAI Label's own DICOM": ({"image": "p0", "output": "dicom_seg"}, 400, "`echocare label --send-masks` stores"),
    "a lossy mask": ({"image": "p0", "result_extension": ".jpg"}, 400, "A mask as .jpg would have other labels"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_reach_the_client_as_words(server: Server, name: str) -> None:
    asked, status, words = ERRORS[name]
    answer = server.ask(HEAD, **asked)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True)


def test_a_bundle_and_a_file_that_are_none_are_named(server: Server, place: Path) -> None:
    assert "no model 'nothing'" in server.ask("nothing", "p0").json()["detail"]
    assert "is not DICOM, PNG" in server.ask(HEAD, file=place / "studies" / "notes.txt").json()["detail"]


def test_a_training_without_masks_says_what_it_needs(server: Server) -> None:
    answer = server.post(f"/train/{HEAD}", {"max_epochs": 1}, run_sync=True)
    assert answer.json()["detail"].startswith("TrainingError: The datastore has 0 finished masks; needed 2 at least")


def test_drawn_masks_train_the_servers_copy_again_and_again(server: Server, place: Path, tmp_path: Path) -> None:
    """Masks as viewers save them; each training goes on from the last, and what is to be drawn next changes."""
    shipped, copy = (folder / HEAD / "models" / "model.pt" for folder in (shipped_folder(), place / "app" / "model"))
    before = sha256(shipped)
    most_uncertain = server.post(f"/activelearning/uncertainty_{HEAD}", {"seconds": 600}).json()
    assert most_uncertain["left"] == 0
    assert 0 < most_uncertain["weight"] < 1

    for image, ending in (("p0", ".png"), ("p1", ".nrrd"), ("p2", ".nii.gz")):
        mask, _ = server.mask(tmp_path, HEAD, image)
        label = tmp_path / f"label{ending}"
        if ending == ".png":
            Image.fromarray(mask).save(label)
        else:  # (1, height, width) for ITK is (width, height, 1) in the file
            itk.imwrite(itk.image_from_array(mask[None]), str(label))
        assert server.save(image, label).json()["label"] == image
    mask, _ = server.mask(tmp_path, HEAD, CINE, frame=3)
    Image.fromarray(mask).save(tmp_path / "label.png")
    server.save(CINE, tmp_path / "label.png", frame=3)
    assert server.get("/datastore/")["completed"] == 4

    done = server.train(HEAD, max_epochs=1)
    assert done["status"] == "DONE", done["details"]
    first = sha256(copy)
    again = server.post(f"/train/{HEAD}", {"max_epochs": 2}, run_sync=True)
    assert again.json()["run"] == "002", again.text
    curves = pd.read_csv(place / "app" / "model" / HEAD / "runs" / "002" / "curves.csv")
    assert len({sha256(shipped), first, sha256(copy)}) == 3
    assert sha256(shipped) == before
    assert len(curves) == 2

    trained, _ = server.mask(tmp_path, HEAD, "p3")
    echocare.predict(
        str(copy.parents[1]), str(place / "studies" / "p3.png"), str(tmp_path / "out"), settings={"engine": "torch"}
    )
    [file] = (tmp_path / "out" / "masks").rglob("*.png")
    assert np.array_equal(trained, np.asarray(Image.open(file)))
    after = server.post(f"/activelearning/uncertainty_{HEAD}", {"seconds": 600}).json()
    assert after["id"] not in ("p0", "p1", "p2", CINE)
    assert after["weight"] != most_uncertain["weight"]


@pytest.mark.parametrize("name", [*(name for name in NAMES if name != HEAD), DETECTION])
def test_every_other_bundle_trains_there(server: Server, place: Path, tmp_path: Path, name: str) -> None:
    for image in ("p0", "p3"):
        mask, _ = server.mask(tmp_path, name, image)
        drawn = np.zeros_like(mask)
        drawn[20:60, 30:90] = 1
        Image.fromarray(drawn).save(tmp_path / "label.png")
        server.save(image, tmp_path / "label.png")
    before = sha256(place / "app" / "model" / name / "models" / "model.pt")
    answer = server.post(f"/train/{name}", {"max_epochs": 1}, run_sync=True)
    assert answer.json().get("run") == "001", answer.text
    assert sha256(place / "app" / "model" / name / "models" / "model.pt") != before


def test_a_mask_of_a_cine_without_its_frame_is_refused_in_words(server: Server, tmp_path: Path) -> None:
    Image.fromarray(np.ones(SIZE, dtype=np.uint8)).save(tmp_path / "label.png")
    server.save("exam/marks", tmp_path / "label.png")
    answer = server.post(f"/train/{HEAD}", {"max_epochs": 1}, run_sync=True)
    assert answer.status_code == 400
    assert "needed one of each, or one whose label info names its frame" in answer.json()["detail"]


def segmentations(pacs: str, study: str) -> list[pydicom.Dataset]:
    """The segmentations of a study, as the archive gives them."""
    client = DICOMwebClient(pacs)
    found = client.search_for_instances(study, search_filters={"Modality": "SEG"})
    uids = [(study, one["0020000E"]["Value"][0], one["00080018"]["Value"][0]) for one in found]
    return [client.retrieve_instance(*uid) for uid in uids]


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_pictures_of_a_pacs_answer_in_millimetres_and_get_their_masks(tmp_path: Path) -> None:
    series = {"SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.1", "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.2"}
    files = [
        write_ultrasound(tmp_path / f"{number}.dcm", mark(number), spacing_mm=(0.3, 0.3),
                         attributes={**series, "InstanceNumber": number, "SOPInstanceUID": f"1.2.3.{number}"})
        for number in (1, 2)
    ]  # fmt: skip
    with running_orthanc(tmp_path) as pacs:
        store(pacs, files)
        with running_server(pacs, [write_corner_bundle(tmp_path / CORNER)], tmp_path / "app", "--send-masks") as server:
            of_series = series["SeriesInstanceUID"]
            for image, frame, frames in (
                (f"{of_series}/1.2.3.1", 0, 1),
                (f"{of_series}/1.2.3.2", 1, 2),
                (of_series, 2, 3),
            ):
                mask, numbers = server.mask(tmp_path, CORNER, image, frame=frame)
                assert is_the_mark(mask)
                assert (numbers["number_of_frames"], numbers["spacing_mm"]) == (frames, pytest.approx([0.3, 0.3]))
                assert numbers["head_circumference_mm"] > 0
            assert server.post("/activelearning/uncertainty", {}).json()["id"].startswith(of_series)
            assert server.get("/datastore/") == {"total": 2, "completed": 0, "label_tags": {}}
            unknown = server.ask(CORNER, "1.2.3.4.5")
            assert (unknown.status_code, "no ultrasound series" in unknown.json()["detail"]) == (404, True)

            mask, _ = server.mask(tmp_path, CORNER, f"{of_series}/1.2.3.2", frame=1)
            Image.fromarray(mask).save(tmp_path / "label.png")
            for _ in range(2):  # of which the second changes nothing
                assert server.save(f"{of_series}/1.2.3.2", tmp_path / "label.png", frame=1).status_code == 200
            [seg] = segmentations(pacs, series["StudyInstanceUID"])
            [groups] = seg.PerFrameFunctionalGroupsSequence
            image = groups.DerivationImageSequence[0].SourceImageSequence[0]
            assert (image.ReferencedSOPInstanceUID, image.ReferencedFrameNumber) == ("1.2.3.2", 2)
            assert seg.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
            bits = np.unpackbits(np.frombuffer(seg.PixelData, dtype=np.uint8), bitorder="little")
            assert np.array_equal(bits[: mask.size].reshape(SIZE), mask)
            assert server.get("/datastore/")["completed"] == 1
