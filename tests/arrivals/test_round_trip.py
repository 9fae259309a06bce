"""The whole way with a real Orthanc and a real bundle: out of it, through a prediction, and back into it, equal."""

import signal
import subprocess
import sys
import time

import pytest
from orthanc import MISSING, an_orthanc, store
from pydicom import dcmread
from small_scp import data_set_of

import echocare_core as echocare
from echocare_core.demo import EXPORT
from echocare_core.pacs.dicomweb import DicomWeb
from echocare_core.pacs.outgoing import find_outgoing
from echocare_core.pacs.query import Instance

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
BUNDLE = "fetal_head_segmentation"
SOURCE = next((EXPORT / "FETAL").glob("ST000005/SE000001/IM*"))
OTHER = next((EXPORT / "FETAL").glob("ST000006/SE000001/IM*"))
SEG, SR = "segmentation", "structured report"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    with an_orthanc(tmp_path_factory.mktemp("orthanc")) as one:
        store(one.web, [SOURCE])
        yield one


@pytest.fixture(scope="module")
def out(orthanc, tmp_path_factory):
    """Results on what was fetched from the PACS."""
    folder = tmp_path_factory.mktemp("round")
    query = echocare.StudyQuery(studies=(study_of(SOURCE),))
    export = echocare.fetch(orthanc.web, folder / "export", query).folder
    echocare.predict(BUNDLE, export, folder / "out", settings={"device": "cpu", "dicom": True})
    return folder / "out"


def study_of(file):
    return str(dcmread(file, stop_before_pixels=True).StudyInstanceUID)


def in_study(orthanc, study):
    """SOP Instance UID to modality of what QIDO-RS finds in a study."""
    items = DicomWeb(orthanc.web)._client.search_for_instances(study)
    return {item["00080018"]["Value"][0]: item["00080060"]["Value"][0] for item in items}


@pytest.mark.parametrize("way", ["web", "dicom"])
def test_what_a_bundle_says_of_a_fetched_study_comes_back_equal(way, orthanc, out, tmp_path):
    url = getattr(orthanc, way)
    for uid in in_study(orthanc, study_of(SOURCE)).keys() - {str(dcmread(SOURCE).SOPInstanceUID)}:
        delete_object(orthanc, uid)

    sent = echocare.send(out, url)

    objects, aside = find_outgoing(out)
    assert {one.kind for one in objects} >= {SEG, SR}
    assert aside == []
    assert sent.counts == {"stored": len(objects)}
    assert {one.study_uid for one in objects} == {study_of(SOURCE)}
    assert in_study(orthanc, study_of(SOURCE)).keys() >= {one.instance_uid for one in objects}
    for one in objects:
        same = tmp_path / one.instance_uid
        DicomWeb(orthanc.web).download(Instance(one.study_uid, one.series_uid, one.instance_uid), same)
        assert data_set_of(same) == data_set_of(one.path)
        assert dcmread(same) == dcmread(one.path)
    (segmentation,) = [one for one in objects if one.kind == SEG]
    mask = dcmread(tmp_path / segmentation.instance_uid).pixel_array
    assert (mask == dcmread(segmentation.path).pixel_array).all()
    assert mask.any()


def delete_object(orthanc, uid):
    import json
    from urllib.request import Request

    from orthanc import direct

    asked = json.dumps({"Level": "Instance", "Query": {"SOPInstanceUID": uid}}).encode()
    with direct.open(Request(f"{orthanc.rest}/tools/find", asked), timeout=30) as answer:
        (found,) = json.load(answer)
    direct.open(Request(f"{orthanc.rest}/instances/{found}", method="DELETE"), timeout=30).close()


def test_a_study_that_is_sent_to_orthanc_comes_back_in_it_with_what_a_bundle_says(orthanc, tmp_path):
    """And what comes back is no study to predict on again."""
    words = ["watch", str(tmp_path / "inbox"), str(tmp_path / "out"), "--bundles", BUNDLE, "--set", "engine=torch"]
    places = ["--orthanc", orthanc.rest, "--send", orthanc.web]
    wait_until(lambda: stable_at(orthanc) > 0)  # what was stored before would be news to the watch else
    process = subprocess.Popen([sys.executable, "-c", QUICKLY, *words, *places])
    try:
        wait_until(lambda: (tmp_path / "out" / ".echocare-watch" / "orthanc.json").exists(), process)
        store(orthanc.web, [OTHER])
        wait_until(lambda: outcomes(tmp_path).count(",sent,") == 1, process)
        there = in_study(orthanc, study_of(OTHER))
        assert {"SEG", "SR"} <= set(there.values())
        wait_until(lambda: last_change(tmp_path) > 0 and settled(orthanc, tmp_path), process)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert in_study(orthanc, study_of(OTHER)) == there
    assert outcomes(tmp_path).count(",predicted,") == 1
    assert outcomes(tmp_path).count(",sent,") == 1


QUICKLY = """
from echocare_core.arrivals import watch
from echocare_core.cli import main
watch.LOOK_S = 0.2
main()
"""


def outcomes(tmp_path):
    table = tmp_path / "out" / "watched.csv"
    return table.read_text() if table.exists() else ""


def last_change(tmp_path):
    return int((tmp_path / "out" / ".echocare-watch" / "orthanc.json").read_text())


def settled(orthanc, tmp_path):
    """Whether the study has become stable again with its results, and the watch has seen it."""
    return last_change(tmp_path) >= stable_at(orthanc) > 0


def stable_at(orthanc):
    """The number of the change by which all that Orthanc has became stable; 0 where something came since."""
    import json

    from orthanc import direct

    with direct.open(f"{orthanc.rest}/changes?limit=1000", timeout=5) as answer:
        changes = json.load(answer)["Changes"]
    stable = [change["Seq"] for change in changes if change["ChangeType"] == "StableStudy"]
    stored = [change["Seq"] for change in changes if change["ChangeType"] == "NewInstance"]
    return stable[-1] if stable[-1:] > stored[-1:] else 0


def wait_until(happens, process=None, seconds=120):
    until = time.monotonic() + seconds
    while not happens():
        assert process is None or process.poll() is None, "it ended before"
        assert time.monotonic() < until
        time.sleep(0.1)
