"""A path of another computer, or of the web, is called so."""

import pytest

from echocare_core.frames.elsewhere import is_elsewhere


@pytest.mark.parametrize("name", ["https://a.org/1.png", "http:/a.org/1.png", "s3://bucket/1.png", "file:///C:/1.png"])
def test_a_url_is_one(name):
    assert is_elsewhere(name) == "is a URL, and only files are read"


@pytest.mark.parametrize("name", ["C:/Users/x/1.png", "d:\\images\\1.png", "//server/share/1.png", "\\\\server\\1.png"])
def test_a_path_of_windows_is_of_another_computer(name):
    assert is_elsewhere(name) == "is a path of another computer"


@pytest.mark.parametrize(
    "name", ["images/1.png", "/data/1.png", "a:b.png", "C:1.png", "12:30/1.png", "", "study: two/1.png"]
)
def test_any_other_path_may_be_of_this_computer(name):
    assert not is_elsewhere(name)
