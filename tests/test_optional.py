"""A package that an extra brings is asked for by the name that pip knows, in the error class of whoever needs it."""

import configparser
import re
import sys
from functools import partial
from pathlib import Path

import pytest

from echocare_core.errors import EngineError, TableError, UnreadableFrames
from echocare_core.optional import PACKAGES, check_installed, import_package, is_installed

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def without(monkeypatch):
    """Puts packages out of reach."""
    return lambda *modules: [monkeypatch.setitem(sys.modules, module, None) for module in modules]


def test_every_extra_that_is_named_is_one_of_this_package():
    settings = configparser.ConfigParser()
    settings.read(REPOSITORY / "setup.cfg")
    extras = set(settings["options.extras_require"])
    assert {extra for _, extra in PACKAGES.values()} <= extras - {"test", "dev"}


@pytest.mark.parametrize("module", sorted(PACKAGES))
def test_the_extra_that_is_named_brings_the_package(module):
    name, extra = PACKAGES[module]
    settings = configparser.ConfigParser()
    settings.read(REPOSITORY / "setup.cfg")
    brought = re.findall(r"^[a-z0-9-]+", settings["options.extras_require"][extra], re.MULTILINE)
    assert {name.lower(), module, f"{module}-io"} & set(brought)


def test_a_package_that_is_there_is_imported():
    assert import_package("numpy", subject="A picture", error=TableError) is sys.modules["numpy"]


def test_a_missing_package_is_one_sentence_in_the_error_of_whoever_needs_it(without):
    without("pyarrow")
    with pytest.raises(TableError) as caught:
        import_package("pyarrow", subject="t.parquet is Parquet, which", error=TableError)
    assert str(caught.value) == (
        "t.parquet is Parquet, which needs pyarrow, not installed here. Run pip install 'echocare[parquet]'."
    )


def test_a_missing_package_is_said_of_the_file_that_needs_it(without):
    without("nibabel")
    with pytest.raises(UnreadableFrames, match=r"^a\.nii is NIfTI, which needs nibabel, .*'echocare\[nifti\]'"):
        import_package("nibabel", subject="is NIfTI, which", error=partial(UnreadableFrames, Path("x/a.nii")))


def test_all_missing_packages_are_named_before_one_is_imported(without):
    without("onnx", "onnxscript")
    assert not is_installed("onnx")
    with pytest.raises(EngineError, match="An ONNX file needs onnx and onnxscript, not installed here"):
        check_installed("onnx", "onnxscript", subject="An ONNX file", error=EngineError)
