"""One part of a multipart answer is found wherever the network cuts it."""

import pytest

from echocare_core.pacs.multipart import BrokenMessage, single_part

CONTENT = b"DICM\r\n--ab not the end\r\n\r\n--abd\0\1" * 3


def message(*contents, end=b"--\r\n"):
    parts = b"".join(b"\r\n--abc\r\nContent-Type: application/dicom\r\n\r\n" + content for content in contents)
    return parts.removeprefix(b"\r\n") + b"\r\n--abc" + end


def received(body, size):
    return b"".join(single_part((body[at : at + size] for at in range(0, len(body), size)), b"abc"))


@pytest.mark.parametrize("size", [*range(1, 40), 1000])
def test_the_content_is_the_same_however_the_message_is_cut(size):
    assert received(message(CONTENT), size) == CONTENT


@pytest.mark.parametrize("before", [b"\r\n", b"a preamble that nobody reads\r\n"])
def test_what_stands_before_the_first_part_is_left_out(before):
    assert received(before + message(CONTENT), 7) == CONTENT


def test_a_part_without_headers_is_read():
    assert received(b"--abc\r\n\r\n" + CONTENT + b"\r\n--abc--", 5) == CONTENT


@pytest.mark.parametrize("size", [1, 1000])
def test_a_message_cut_off_anywhere_is_broken(size):
    whole = message(CONTENT, end=b"--")
    for length in range(len(whole)):
        with pytest.raises(BrokenMessage):
            received(whole[:length], size)


@pytest.mark.parametrize(
    "body", [message(CONTENT, CONTENT), message(CONTENT, bytes(200_000)), message(), bytes(200_000)]
)
def test_a_message_with_more_or_less_than_one_part_is_broken(body):
    with pytest.raises(BrokenMessage):
        received(body, 1000)
