"""The name of every file and folder that a run leaves, and what stands in it: said once, here."""

from __future__ import annotations

RESULTS_CSV, SET_ASIDE_CSV, REPORT_HTML = "results.csv", "set_aside.csv", "report.html"
ORIGIN = "origin"
ORIGIN_JSON = f"{ORIGIN}.json"
BOXES, POINTS, EMBEDDINGS = "boxes", "points", "embeddings"  # tables of kinds, in one of two formats
TABLE_FORMATS = ("csv", "parquet")
MASKS, OVERLAYS, PICTURES, TEXTS = "masks", "overlays", "pictures", "texts"
ACTIVATIONS = "activations"
VIDEOS = "videos"
DICOM = "dicom"
WITHOUT_OBJECTS_CSV = f"{DICOM}/without_objects.csv"

TABLES_AND_PAGE = (RESULTS_CSV, SET_ASIDE_CSV, REPORT_HTML)
TABLES_OF_KINDS = tuple(f"{name}.{form}" for name in (BOXES, POINTS, EMBEDDINGS) for form in TABLE_FORMATS)
OF_KINDS = (
    MASKS,
    OVERLAYS,
    ACTIVATIONS,
    PICTURES,
    VIDEOS,
    TEXTS,
    DICOM,
    *TABLES_OF_KINDS,
)  # there where a kind of output adds it
ENTRIES = (*OF_KINDS, ORIGIN_JSON, *TABLES_AND_PAGE)

HOLDS = {  # for the page
    ORIGIN: "how the results were made: weights, settings, what computed them, versions of packages",
    MASKS: "holds one PNG per frame whose pixel values are the label numbers",
    OVERLAYS: "holds what is shown here",
    ACTIVATIONS: "holds one PNG per frame: where the evidence for a class lies, brightest where it is strongest",
    PICTURES: "holds the pictures that were made from the frames",
    VIDEOS: "holds an MP4 of each cine of such pictures",
    TEXTS: "holds every text as plain text",
    DICOM: "holds DICOM objects for a PACS; they name the patient as their images do",
    BOXES: "one row per box, its corners in pixels of the frame",
    POINTS: "one row per point, its place in pixels of the frame",
    EMBEDDINGS: "one row per frame, cine or study: the nearest known images, then the numbers of its vector",
}
