"""What the service counts, as plain text that Prometheus reads; nothing in it is about a patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from echocare_core.integrations.service.queue import ModelQueue

TYPES = {
    "requests_total": ("counter", "Requests by model and status."),
    "request_seconds_total": ("counter", "Seconds from the first byte of a request to the last of its answer."),
    "received_bytes_total": ("counter", "Bytes of requests."),
    "requests_under_way": ("gauge", "Requests that are received, wait, are worked on or sent back."),
    "requests_running": ("gauge", "Requests that a model is working on, 0 or 1."),
    "worker_up": ("gauge", "Whether the process of a model is loaded."),
    "worker_restarts_total": ("counter", "How often the process of a model was started again."),
    "worker_resident_bytes": ("gauge", "Memory of the process of a model."),
}


class Metrics:
    """Counters of one service."""

    def __init__(self) -> None:
        self._counted: dict[str, Counter[str]] = {name: Counter() for name, (kind, _) in TYPES.items()}

    def count(self, model: str, status: int, seconds: float, received: int) -> None:
        """Count one request that was answered.

        Args:
            model: name of the bundle, "" for a request to none.
            status: of HTTP.
            seconds: it took.
            received: bytes.
        """
        self._counted["requests_total"][f'model="{model}",status="{status}"'] += 1
        self._counted["request_seconds_total"][f'model="{model}"'] += seconds  # type: ignore[assignment]
        self._counted["received_bytes_total"][f'model="{model}"'] += received

    def text(self, queues: Mapping[str, ModelQueue]) -> str:
        """All numbers in the text format of Prometheus, version 0.0.4."""
        now = dict(self._counted)
        now["requests_under_way"] = _of_each(queues, {name: queue.taken for name, queue in queues.items()})
        now["requests_running"] = _of_each(queues, {name: int(queue.is_working) for name, queue in queues.items()})
        now["worker_up"] = _of_each(queues, {name: int(queue.worker.is_alive) for name, queue in queues.items()})
        now["worker_restarts_total"] = _of_each(queues, {name: one.worker.restarts for name, one in queues.items()})
        memory = {name: queue.worker.resident_bytes for name, queue in queues.items()}
        now["worker_resident_bytes"] = _of_each(queues, memory)
        return "".join(line for name in TYPES for line in _lines(name, now[name]))


def _of_each(names: Iterable[str], values: Mapping[str, int]) -> Counter[str]:
    return Counter({f'model="{name}"': values[name] for name in names})


def _lines(name: str, values: Mapping[str, float]) -> Iterable[str]:
    kind, what = TYPES[name]
    yield f"# HELP echocare_{name} {what}\n# TYPE echocare_{name} {kind}\n"
    for labels, value in sorted(values.items()):
        yield (
            f"echocare_{name}{{{labels}}} {value:g}\n"
            if isinstance(value, float)
            else (f"echocare_{name}{{{labels}}} {value}\n")
        )
