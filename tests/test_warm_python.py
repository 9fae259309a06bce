"""A command by `run_python` is a process like one that is typed, but that PyTorch and MONAI are imported in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from warm_python import run_python


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A file for what a test writes in it."""
    return tmp_path / "program.py"


def test_words_folder_environment_and_output_are_its_own(program: Path, tmp_path: Path) -> None:
    program.write_text(
        "import os, sys; print(sys.argv[1:], os.getcwd(), sorted(os.environ)); print('alas', file=sys.stderr)"
    )
    ran = run_python(program, "--number", 3, cwd=tmp_path, env={"ONE": "1"})

    assert ran.stdout == f"['--number', '3'] {tmp_path} ['ONE']\n"
    assert (ran.returncode, ran.stderr) == (0, "alas\n")


@pytest.mark.parametrize(
    ("code", "ends_with", "says"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit('No table.')", 1, "No table.\n"),
        ("raise ValueError('No table.')", 1, "ValueError: No table.\n"),
        ("sys.excepthook = lambda *_: print('asked', file=sys.stderr); 1 / 0", 1, "asked\n"),
        ("os.kill(os.getpid(), 9)", -9, ""),
    ],
)
def test_it_ends_as_its_program_does(code: str, ends_with: int, says: str, program: Path, tmp_path: Path) -> None:
    program.write_text(f"import os, sys\n{code}\n")
    ran = run_python(program, cwd=tmp_path)

    assert ran.returncode == ends_with
    assert ran.stderr.endswith(says)


def test_it_has_imported_what_takes_long_and_nothing_of_this_package_or_its_tests(
    program: Path, tmp_path: Path
) -> None:
    names = ["monai", "torch", "echocare_core", "conftest"]
    program.write_text(
        f"import os, sys; print([name for name in {names} if name in sys.modules], os.fsync.__name__)\n"
        "import echocare_core, ultrasound_files"
    )
    ran = run_python(program, cwd=tmp_path)

    assert ran.stdout == "['monai', 'torch'] fsync\n"
    assert ran.stderr.endswith("No module named 'ultrasound_files'\n")


def test_a_module_is_found_in_its_folder_and_in_what_the_environment_names(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "second.py").write_text("NAME = 'second'")
    (tmp_path / "first.py").write_text("import second; print(__name__, second.NAME)")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "other")}

    assert run_python("-m", "first", cwd=tmp_path, env=env).stdout == "__main__ second\n"


def test_several_find_each_other_and_one_that_fails_ends_the_others(program: Path, tmp_path: Path) -> None:
    program.write_text(
        "import sys, time, torch.distributed as dist\n"
        "dist.init_process_group('gloo')\n"
        "if dist.get_rank() == 1: sys.exit(10 + dist.get_world_size())\n"
        "time.sleep(600)"
    )

    assert run_python(program, cwd=tmp_path, processes=2).returncode == 12
