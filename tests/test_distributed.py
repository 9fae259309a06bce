"""A training in one process knows itself as rank 0 of 1, and joins a process group where a launcher made one."""

import socket

import pytest
import torch
from monai.bundle import ConfigParser
from torch import distributed

from echocare_core.distributed import local_device, rank, start_distributed, stop_distributed, world_size

CPU = torch.device("cpu")


@pytest.fixture
def launched(monkeypatch):
    """What `torchrun --nproc_per_node 1` tells its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))
    yield
    stop_distributed()


def test_without_a_launcher_there_is_nothing_to_join_or_leave(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    start_distributed(CPU)
    assert not distributed.is_initialized()
    assert (rank(), world_size()) == (0, 1)
    stop_distributed()


@pytest.mark.usefixtures("launched")
def test_a_launched_process_joins_gloo_on_a_cpu_and_leaves_it():
    start_distributed(CPU)
    assert distributed.get_backend() == "gloo"
    assert (rank(), world_size()) == (0, 1)
    stop_distributed()
    assert not distributed.is_initialized()


@pytest.mark.usefixtures("launched")
def test_a_configuration_starts_and_stops_it():
    parser = ConfigParser(
        {
            "imports": ["$from echocare_core.distributed import start_distributed"],
            "device": {"_target_": "echocare_core.distributed.local_device"},
            "initialize": "$start_distributed(@device)",
            "finalize": {"_target_": "echocare_core.distributed.stop_distributed"},
        }
    )
    parser.get_parsed_content("imports")
    parser.get_parsed_content("initialize")
    assert distributed.is_initialized()
    parser.get_parsed_content("finalize")
    assert not distributed.is_initialized()


@pytest.mark.parametrize(("told", "index"), [("3", 3), (None, 0)])
def test_a_process_has_the_cuda_device_of_its_local_rank(monkeypatch, told, index):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if told is not None:
        monkeypatch.setenv("LOCAL_RANK", told)
    assert local_device() == torch.device("cuda", index)


def test_without_cuda_a_process_has_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert local_device() == CPU
