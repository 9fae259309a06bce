"""An error about a file says one sentence, and keeps the file and the reason apart."""

import pickle
from pathlib import Path

from echocare_core.errors import UnreadableFrames, causes, own_cause


def test_the_sentence_begins_with_the_files_name():
    fault = UnreadableFrames(Path("study/IM7"), "is empty (0 bytes). Copy or export it again.")
    assert str(fault) == "IM7 is empty (0 bytes). Copy or export it again."
    assert (fault.path, fault.reason) == (Path("study/IM7"), "is empty (0 bytes). Copy or export it again.")


def test_a_frame_stands_between_the_name_and_what_is_wrong_with_it():
    fault = UnreadableFrames(Path("study/IM7"), "cannot be decoded.", "frame 3 of 9")
    assert str(fault) == "IM7, frame 3 of 9, cannot be decoded."
    assert fault.reason == "frame 3 of 9, cannot be decoded."


def test_a_folder_without_a_name_is_called_the_folder():
    assert str(UnreadableFrames(Path("."), "is empty.")) == "The folder is empty."


def test_it_comes_back_whole_from_another_process():
    fault = UnreadableFrames(Path("study/IM7"), "cannot be decoded.", "frame 3 of 9")
    again = pickle.loads(pickle.dumps(fault))
    assert (str(again), again.path, again.reason, again.frame) == (
        str(fault),
        fault.path,
        fault.reason,
        fault.frame,
    )


def test_errors_that_name_each_other_as_their_cause_are_walked_once():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one

    assert list(causes(one)) == [one, other]
    assert own_cause(one) is None
