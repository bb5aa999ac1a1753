"""Counts of one worker, and the counts of all workers of a target as Prometheus text."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_HELP: Final = {
    "andon_requests_total": ("counter", "Requests answered, by model, release and status."),
    "andon_predictions_total": ("counter", "Predictions made, by model and release."),
    "andon_log_lost_total": ("counter", "Predictions that the log could not keep."),
    "andon_ready": ("gauge", "Whether the worker can answer: 1 or 0."),
}
Sample = tuple[str, tuple[tuple[str, str], ...], float]


class Metrics:
    """Counts of one worker.

    Args:
        worker: Its name, a label of every sample.
        folder: Where all workers of the target leave their counts.
    """

    def __init__(self, worker: str, folder: Path) -> None:
        self._worker = worker
        self._folder = folder
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._predictions: Counter[tuple[str, str]] = Counter()
        self._left: list[Sample] = []
        self.gauges: dict[tuple[str, str], float] = {}

    def count(self, model: str, release: str, status: int, predictions: int) -> None:
        """Count one request and the predictions it got."""
        self._requests[model, release, status] += 1
        if predictions:
            self._predictions[model, release] += predictions

    def leave(self) -> None:
        """Write this worker's counts where all workers find them; a disk that refuses only makes them older."""
        samples = self.samples()
        if samples == self._left:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _replace(self._folder / f"{self._worker}.json", json.dumps(samples).encode())
        except OSError:
            return
        self._left = samples

    def samples(self) -> list[Sample]:
        """This worker's counts."""
        worker = ("worker", self._worker)
        return [
            *(
                ("andon_requests_total", (("model", m), ("release", r), ("status", str(status)), worker), float(n))
                for (m, r, status), n in sorted(self._requests.items())
            ),
            *(
                ("andon_predictions_total", (("model", m), ("release", r), worker), float(n))
                for (m, r), n in sorted(self._predictions.items())
            ),
            *((name, (("model", model), worker), value) for (name, model), value in sorted(self.gauges.items())),
        ]

    def text(self) -> str:
        """The counts of all workers as Prometheus text; those of the others are as old as they left them."""
        samples = self.samples()
        for path in sorted(self._folder.glob("*.json")):
            if path.stem != self._worker:
                samples += _read(path)
        return prometheus_text(samples)


def prometheus_text(samples: Iterable[Sample]) -> str:
    """Samples in the Prometheus text format, each metric with its help and type."""
    lines = []
    found = list(samples)
    for name, (kind, text) in _HELP.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{{{_labels(labels)}}} {value:.17g}" for one, labels, value in found if one == name]
    return "\n".join(lines) + "\n"


def _labels(labels: Iterable[tuple[str, str]]) -> str:
    return ",".join(f'{key}="{_escape(value)}"' for key, value in labels)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _replace(path: Path, data: bytes) -> None:
    """Put a whole file in place of another; counts need not outlast a power cut, so no disk is waited for."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data)
    temporary.replace(path)


def _read(path: Path) -> list[Sample]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return [(name, tuple((key, value) for key, value in labels), float(value)) for name, labels, value in found]
