"""The rows of results by file and study, and which of them speak of as much as a label does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from echocare_core.assessment.about import About
from echocare_core.assessment.results_folder import UIDS, ResultsFolder

Row = Mapping[str, str]
NOBODY = About()


class ResultRows:
    """Rows of results with the headers of their files.

    Args:
        folder: as it was read.
        about: of each source.

    Attributes:
        of_source: rows about frames and the cine of each file.
        of_study: files of each study that a row numbers.
    """

    def __init__(self, folder: ResultsFolder, about: Mapping[str, About]) -> None:
        self.folder, self._about = folder, about
        rows: list[Row] = folder.rows.to_dict("records")
        self.of_source: dict[str, list[Row]] = {}
        self.of_study: dict[str, list[str]] = {}
        for row in (one for one in rows if one["level"] != "study"):
            self.of_source.setdefault(row["source"], []).append(row)
            files = self.of_study.setdefault(row["study"], [])
            if row["study"] and row["source"] not in files[-1:]:
                files.append(row["source"])
        self._studies = {row["study"]: row for row in rows if row["level"] == "study"}
        self._study_of = {source: study for study, files in self.of_study.items() for source in files}

    def about(self, source: str) -> About:
        """What the header of a file says."""
        return self._about.get(source, NOBODY)

    def sources_of(self, rows: Iterable[Row]) -> list[str]:
        """Files that rows speak of, each once."""
        every = (self.of_study[row["study"]] if row["level"] == "study" else [row["source"]] for row in rows)
        return list(dict.fromkeys(source for sources in every for source in sources))

    def frames_of(self, rows: Iterable[Row]) -> list[Row]:
        """Of rows of cines and studies, those of the frames of the same files."""
        wider = [row for row in rows if row["level"] != "frame"]
        return [row for source in self.sources_of(wider) for row in self.of_source[source] if row["level"] == "frame"]

    def names(self) -> dict[str, dict[str, list[str]]]:
        """For each key of labels, what it is called in the results -> the files that it is said of."""
        known: dict[str, dict[str, list[str]]] = {}
        for source, rows in self.of_source.items():
            for by, name in self._names_of(source, rows[0]):
                known.setdefault(by, {}).setdefault(name, []).append(source)
        return known

    def _names_of(self, source: str, row: Row) -> Iterator[tuple[str, str]]:
        about = self.about(source)
        named = [("image", source), ("accession", about.accession), ("patient", about.patient)]
        named += [(uid, row.get(uid, "")) for uid in UIDS]
        named += [("image", row["image"])] if row.get("image", source) != source else []
        yield from (one for one in named if one[1])

    def speaking_of(self, sources: Sequence[str], frame: int | None, *, of_studies: bool) -> list[Row]:
        """The rows that speak of some files, the widest of them: of a study, else of a cine, else of frames.

        Args:
            sources: files.
            frame: the one frame that is meant; None for the whole files.
            of_studies: whether what is said of a study counts, all of whose files are meant; not where a label speaks
                of a file.
        """
        if frame is not None:
            return [row for source in sources for row in self.of_source[source] if row["frame"] == str(frame)]
        asked, found, covered = set(sources), [], set()
        for study in dict.fromkeys(self._study_of.get(source, "") for source in sources if of_studies):
            if study in self._studies and asked.issuperset(self.of_study[study]):
                found.append(self._studies[study])
                covered.update(self.of_study[study])
        for rows in (self.of_source[source] for source in sources if source not in covered):
            found += [row for row in rows if row["level"] == "cine"] or rows
        return found

    def unlabelled(self, used: Iterable[Row]) -> Iterator[tuple[str, int]]:
        """Files of which nothing was used, or not every frame where single frames were: (source, frames left over)."""
        taken: dict[str, set[str]] = {}
        for row in used:
            for source in self.sources_of([row]):
                taken.setdefault(source, set()).add(row["frame"] if row["level"] == "frame" else "")
        for source, rows in self.of_source.items():
            frames = {row["frame"] for row in rows if row["level"] == "frame"}
            left = frames - taken.get(source, set())
            if source not in taken or ("" not in taken[source] and left):
                yield source, len(left)
