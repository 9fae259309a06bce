"""The name of every file and folder that a run leaves, and what stands in it: said once, here."""

from __future__ import annotations

RESULTS_CSV, SET_ASIDE_CSV, REPORT_HTML = "results.csv", "set_aside.csv", "report.html"
BOXES_CSV, POINTS_CSV = "boxes.csv", "points.csv"
MASKS, OVERLAYS, PICTURES, TEXTS = "masks", "overlays", "pictures", "texts"

TABLES_AND_PAGE = (RESULTS_CSV, SET_ASIDE_CSV, REPORT_HTML)
OF_KINDS = (MASKS, OVERLAYS, PICTURES, TEXTS, BOXES_CSV, POINTS_CSV)  # there where a kind of output adds it
ENTRIES = (*OF_KINDS, *TABLES_AND_PAGE)

HOLDS = {  # for the page
    MASKS: "holds one PNG per frame whose pixel values are the label numbers",
    OVERLAYS: "holds what is shown here",
    PICTURES: "holds the pictures that were made from the frames",
    TEXTS: "holds every text as plain text",
    BOXES_CSV: "one row per box, its corners in pixels of the frame",
    POINTS_CSV: "one row per point, its place in pixels of the frame",
}
