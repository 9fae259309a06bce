"""A key gives the same pseudonyms for ever, other keys give others, and only its owner reads it."""

import os
import stat
from pathlib import Path

import pytest

from echocare_core.errors import SettingsError
from echocare_core.secret import KEY_BYTES, SecretKey, new_key, read_or_make_key

KEY = SecretKey(bytes(range(KEY_BYTES)))


def test_pseudonyms_are_those_that_earlier_inventories_hold():
    assert KEY.pseudonym("patient", "ID-4711") == "1758bdb160119eaf"
    assert KEY.pseudonym("study", "1.2.3") == "5b1db567b47a5c5b"
    assert KEY.pseudonym("patient", "M\udcfcller") == "c2bffe8bc8b7d2d8"  # a byte that is no UTF-8
    assert KEY.share("split", "patient-x") == 0.22475221558598293


def test_names_of_files_are_those_that_earlier_fetches_gave():
    assert KEY.pseudonym("", "1.2.3") == "0d1aea7c60e088c1"


def test_uids_and_numbers_are_those_that_earlier_copies_hold():
    assert KEY.uid("1.2.3") == "2.25.323208961630152148644988635546095983220"
    assert KEY.patient("ID-4711") == "FE26795877FDB395"
    assert KEY.source("a/b") == "f226c63815030e48"
    assert KEY.shift_days("ID-4711") == 568
    assert KEY.mark() == "f72746c9a3ab6a49"


def test_a_study_and_a_series_of_the_same_uid_are_kept_apart():
    assert KEY.pseudonym("study", "1.2.3") != KEY.pseudonym("series", "1.2.3")


def test_two_fresh_keys_differ():
    assert new_key().pseudonym("study", "1.2.3") != new_key().pseudonym("study", "1.2.3")


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    former = os.umask(request.param)
    yield request.param
    os.umask(former)


def test_a_key_is_its_owners_alone_from_the_first_byte(tmp_path, umask, monkeypatch):
    seen = []
    write = Path.write_text
    monkeypatch.setattr(
        Path, "write_text", lambda path, *text, **how: (seen.append(path.stat().st_mode), write(path, *text, **how))
    )

    read_or_make_key(tmp_path / "key")

    assert [stat.S_IMODE(mode) for mode in (*seen, (tmp_path / "key").stat().st_mode)] == [0o600, 0o600]


def test_a_key_is_made_once_for_its_owner_alone(tmp_path):
    made = read_or_make_key(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert read_or_make_key(tmp_path / "key") == made
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("text", ["", "secret", "ab" * 31, "ab" * 33, "Ä" * 64])
def test_what_is_no_key_is_refused(text, tmp_path):
    (tmp_path / "key").write_text(text)
    with pytest.raises(SettingsError, match="key is no key; 64 hexadecimal digits are needed"):
        read_or_make_key(tmp_path / "key")


def test_a_key_is_never_shown():
    assert KEY.secret.hex() not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)
