"""Lets the tests of this folder import `ultrasound_files` from the folder above."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
