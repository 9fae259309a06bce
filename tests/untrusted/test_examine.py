"""What a stranger's bundle would run is listed, and none of it runs."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from echocare_core.bundle import shipped_folder
from echocare_core.cli import app
from echocare_core.untrusted import examine

REPOSITORY = Path(__file__).parents[2]
BUNDLES = [*sorted(shipped_folder().iterdir()), REPOSITORY / "docs" / "example_bundle"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of one configuration that does no harm."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundle" / "configs").mkdir(parents=True)
    (tmp_path / "bundle" / "models").mkdir()
    (tmp_path / "bundle" / "configs" / "inference.json").write_text('{"network": {"_target_": "UNet"}}')
    return tmp_path / "bundle"


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_of_our_own_only_what_speaks_to_a_server_is_listed(bundle: Path) -> None:
    """A new target that does no harm belongs into echocare_core/untrusted/allowed.py."""
    assert {found.file for found in examine(bundle)} <= {"configs/mlflow.json"}


def says(folder: Path, config: Any, name: str = "configs/inference.json") -> list[str]:
    (folder / name).write_text(config if isinstance(config, str) else json.dumps(config))
    found = examine(folder)
    assert {one.file for one in found} <= {name}
    assert not list(folder.parent.rglob("ran"))
    return [f"{one.entry}: {one.says}" for one in found]


RUN = "$__import__('os').system('touch ran')"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"dataset": {"path": RUN}}, "dataset#path: runs __import__('os').system('touch ran')"),
        ({"imports": ["$import os"]}, "imports#0: runs import os"),
        ({"network": {"_target_": "os.system", "command": "touch ran"}}, "network#_target_: builds os.system"),
        ({"network#_target_": "os.system"}, "network#_target_: builds os.system"),
        ({"x": {"_target_": "monai.transforms.io.array.os.system"}}, "x#_target_: builds monai.transforms.io"),
        ({"x": {"_target_": "echocare_core.bundle.os.system"}}, "x#_target_: builds echocare_core.bundle.os"),
        ({"x": {"_target_": "@y"}}, "x#_target_: builds @y"),
        ({"x": {"_target_": {"_target_": "UNet"}}}, "x#_target_: builds what another entry gives"),
        ({"x": {"_target_": "UNet", "_mode_": "debug"}}, "x#_mode_: asks for the mode debug"),
        ({"x": {"_target_": "UNet", "_requires_": RUN}}, "x#_requires_: runs"),
        ({"x": "%../shared.json::network"}, "x: copies an entry, perhaps of another file"),
        ({"%x": [{"\u0024": "\u0024open('ran', 'w')"}]}, "%x#0#$: runs open"),
        ({"output_dir": "/etc"}, "output_dir: names a place elsewhere: /etc"),
        ({"output_dir": "$@bundle_root + '/../../x'"}, "output_dir: names a place elsewhere"),
        ({"url": "https://host.example/x"}, "url: names a place elsewhere"),
        ('{"a": "$open(1)", "a": "b"}', "a: runs open(1)"),
        ("{", ": cannot be read"),
        ("[" * 100_000, ": cannot be read: nests too deep"),
    ],
)
def test_what_a_configuration_would_run_is_listed(config: Any, told: str, folder: Path) -> None:
    [found] = says(folder, config)

    assert found.startswith(told)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("a: &x os.system\nb: {_target_: *x}\n", "b#_target_: builds os.system"),
        ("a: &x {_target_: os.system}\nb: {<<: *x}\n", "a#_target_: builds os.system"),
        ("a: !!python/object/apply:os.system ['$x']\n", "a#0: runs x"),
        ("a: [", ": cannot be read: is no YAML"),
    ],
)
def test_yaml_is_read_too(config: str, told: str, folder: Path) -> None:
    [found] = says(folder, config, "configs/train.yaml")

    assert found.startswith(told)


def test_metadata_are_a_configuration(folder: Path) -> None:
    found = says(
        folder,
        {"version": "$import os", "network_data_format": {"inputs": {"image": {"spatial_shape": ["n*16", "exit()"]}}}},
        "configs/metadata.json",
    )

    assert [one.split(": ")[1] for one in found] == ["runs import os", "has MONAI evaluate exit()"]


def test_programs_links_and_logging_are_listed(folder: Path) -> None:
    (folder / "scripts").mkdir()
    (folder / "scripts" / "__init__.py").write_text("open('ran', 'w')")
    (folder / "torch.py").write_text("open('ran', 'w')")
    (folder / "docs").symlink_to("/etc")
    (folder / "configs" / "logging.conf").write_text(
        "[handlers]\nkeys=a\n[handler_a]\nclass=StreamHandler\nargs=(open('ran', 'w'),)\n"
    )

    assert [(one.file, one.says.split()[0]) for one in examine(folder)] == [
        ("docs", "leads"), ("torch.py", "may"), ("configs/logging.conf", "[handler_a]"), ("scripts/__init__.py", "may"),
    ]  # fmt: skip
    assert not Path("ran").exists()


class Surprise:
    """Opens a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("ran", "w")


def pickled(protocol: int, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps({"a": Surprise()}, protocol=protocol))


def scripted(_: int, path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), path)


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda path: pickled(2, path), "would build io.open when it is unpickled"),
        (lambda path: pickled(4, path), "would build something by STACK_GLOBAL"),
        (lambda path: path.write_bytes(pickle.dumps(Surprise())), "is no whole zip file"),
        (lambda path: scripted(0, path), "holds a program (TorchScript)"),
    ],
    ids=["old pickle", "new pickle", "bare pickle", "TorchScript"],
)
@pytest.mark.parametrize("name", ["model.pt", "other.ckpt"])
def test_what_weights_would_unpickle_is_listed(write: Any, told: str, name: str, folder: Path) -> None:
    write(folder / "models" / name)

    assert any(one.says.startswith(told) for one in examine(folder))
    assert not Path("ran").exists()


def test_plain_weights_are_not_listed(folder: Path) -> None:
    state = {"a": torch.zeros(2, dtype=torch.float16), "b": torch.nn.Parameter(torch.ones(1)), "c": torch.tensor([1])}
    torch.save(state, folder / "models" / "model.pt")

    assert examine(folder) == ()


def test_the_command_lists_and_runs_nothing(folder: Path) -> None:
    (folder / "configs" / "inference.json").write_text(json.dumps({"run": [RUN + "\x1b[2J"]}))

    ran = CliRunner().invoke(app, ["check", "--untrusted", "./bundle"])

    assert ran.exit_code == 1
    assert "bundle: 1 to read before you run it." in ran.output
    assert "configs/inference.json run#0: runs __import__('os').system('touch ran')\\x1b[2J" in ran.output
    assert not Path("ran").exists()


def test_a_bare_name_is_not_looked_for_in_the_current_folder(folder: Path) -> None:
    ran = CliRunner().invoke(app, ["check", "--untrusted", "bundle"])

    assert (folder.name, ran.exit_code) == ("bundle", 1)
    assert "No bundle 'bundle'" in str(ran.exception)
    assert "./bundle" in str(ran.exception)


def test_the_command_ends_well_where_nothing_is_to_be_read(folder: Path) -> None:
    ran = CliRunner().invoke(app, ["check", "--untrusted", str(folder)])

    assert (ran.exit_code, ran.output) == (0, f"{folder}: 0 to read before you run it.\n")


def test_nothing_that_could_run_a_bundle_is_imported() -> None:
    code = "import sys, echocare_core.untrusted; print({'torch', 'monai', 'ignite'} & set(sys.modules))"

    ran = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert ran.stdout == "set()\n"
