"""The names of what an evaluation leaves in its folder."""

from __future__ import annotations

EVALUATION_CSV, EVALUATION_JSON, EVALUATION_HTML = "evaluation.csv", "evaluation.json", "evaluation.html"
NOT_JOINED_CSV, CHECKLIST_MD = "not_joined.csv", "checklist.md"
KEY_FILE, RESULTS = "evaluation.key", "results"
ENTRIES = (EVALUATION_CSV, NOT_JOINED_CSV, EVALUATION_JSON, CHECKLIST_MD, EVALUATION_HTML)
