"""A loaded bundle that answers requests, in the process it runs in."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from echocare_core.bundle import read_card, read_json
from echocare_core.errors import EchoCareError, UnreadableFrames
from echocare_core.frames.inputs import Given
from echocare_core.frames.unpacked import is_archive
from echocare_core.integrations.service.answers import write_answer
from echocare_core.integrations.service.faults import Refused
from echocare_core.integrations.service.job import Answer, Job
from echocare_core.integrations.service.limits import MIB, Limits
from echocare_core.prediction import LoadedBundle, installed_engine
from echocare_core.result_files import DICOM

TABLE = "frames.csv"


class ServedBundle:
    """A bundle that was loaded once.

    Args:
        bundle: name or folder.
        settings: as for `predict`; without `engine`, OpenVINO where that is installed, as the command does.
        limits: of the service.

    Attributes:
        about: how its results are made.

    Raises:
        EchoCareError: it cannot be loaded.
    """

    def __init__(self, bundle: str | Path, settings: Mapping[str, Any], limits: Limits) -> None:
        self._limits = limits
        self._bundle = LoadedBundle(bundle, {**installed_engine(bundle), **settings})
        self._writes_dicom = DICOM in read_json(self._bundle.folder / "configs" / "inference.json")
        self.about = self._described()
        self._warm_up()

    def answer(self, job: Job) -> Answer:
        """Predict, and write the answer into the folder of the job.

        Raises:
            Refused: more frames or bytes than the limits, or DICOM of a bundle that writes none.
            EchoCareError: as `predict`.
        """
        tempfile.tempdir = str(job.folder)  # archives are unpacked there, so that they go with it
        wants_dicom = job.dicom or job.form == "dicom"
        if wants_dicom and not self._writes_dicom:
            raise Refused(
                406,
                "NoDicom",
                f"{self._bundle.folder.name} writes no DICOM objects; needed `dicom` in its configuration. Ask for "
                "JSON or ZIP.",
            )
        source = self._source(job)
        results = self._bundle.predict(
            source, job.folder / "results", settings={DICOM: True} if wants_dicom else {}, check=self._check
        )
        return write_answer(results, self._bundle.folder, job)

    def _source(self, job: Job) -> Given:
        """What is read: the files that were sent, or a table of the frames that are wanted of one."""
        for archive in filter(is_archive, job.files):
            self._check_unpacked(archive)
        if job.frames:
            [file, *others] = job.files
            if others or is_archive(file):
                raise Refused(
                    422, "WrongFrames", "Frames are chosen of several files; needed one. Send it alone, not in a ZIP."
                )
            table = file.with_name(TABLE) if file.name != TABLE else file.with_name(f"1_{TABLE}")
            table.write_text("image,frame\n" + "".join(f"{file.name},{number}\n" for number in job.frames))
            return table
        return list(job.files) if len(job.files) > 1 else job.files[0]

    def _check_unpacked(self, archive: Path) -> None:
        try:
            with zipfile.ZipFile(archive) as opened:
                size = sum(entry.file_size for entry in opened.infolist())
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            return  # the reader says what is wrong with it
        if size > self._limits.unpacked_mib * MIB:
            raise Refused(
                413,
                "TooLarge",
                f"The archive unpacks to {size // MIB} MiB; needed {self._limits.unpacked_mib} at most. Send it in "
                "parts.",
            )

    def _check(self, dataset: Any) -> None:
        if dataset.number_of_items > self._limits.frames:
            raise Refused(
                413,
                "TooManyFrames",
                f"The request holds {dataset.number_of_items} frames; needed {self._limits.frames} at most. Send it "
                "in parts, or choose some with the parameter frames.",
            )

    def _described(self) -> dict[str, Any]:
        ran = getattr(self._bundle.network, "ran", None)
        if ran is None:
            card = read_card(self._bundle.folder)
            return {"weights_sha256": card.weights_sha256}
        return {
            "weights_sha256": next(iter(ran.files.values())),
            "engine": ran.engine,
            "precision": ran.precision,
            "device": ran.device,
        }

    def _warm_up(self) -> None:
        """Run once on a picture of stripes, so that the first request does not wait for an engine to compile."""
        from PIL import Image

        with tempfile.TemporaryDirectory() as scratch, suppress(UnreadableFrames, EchoCareError):
            picture = Path(scratch, "stripes.png")
            Image.radial_gradient("L").convert("RGB").save(picture)
            self._bundle.predict(picture, Path(scratch, "results"))
