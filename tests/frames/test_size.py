"""What is too small to show anything, or larger than any picture, is refused in one sentence."""

import pytest

from echocare_core.errors import PixelDataError
from echocare_core.frames.size import check_size


@pytest.mark.parametrize("size", [(16, 16), (16, 4000), (4096, 4096), (2160, 3840)])
def test_a_picture_of_any_usual_size_is_taken(size):
    check_size(*size)


def test_a_picture_with_a_side_below_16_px_is_refused():
    with pytest.raises(PixelDataError, match=r"^is 15x16 px; a picture has 16x16 px at least\. Leave it out"):
        check_size(16, 15)


def test_a_picture_larger_than_any_is_refused():
    with pytest.raises(PixelDataError, match=r"^is 4097x4096 px, larger than any"):
        check_size(4096, 4097)
