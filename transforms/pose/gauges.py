"""What limits each pose worker, as metrics of Ray."""

from typing import Final

from ray.util.metrics import Gauge

from repscore.transforms.pose.streams import StreamsStatus

_GAUGES: Final = {
    "streams": "segments whose frames make a batch",
    "open": "segments in the worker",
    "batch": "frames in a batch, mean",
    "decode": "share of time spent on waiting for decoded frames",
    "copy": "share of time spent on copying pixels to a device",
    "device": "share of time spent on waiting for the device",
    "rest": "share of time spent on everything else",
}
"""Ray's metrics of each pose worker."""


class WorkerGauges:
    """One gauge for each of them, `repscore_pose_<name>`, with the number of the worker as tag."""

    def __init__(self) -> None:
        self._gauges = {
            name: Gauge(f"repscore_pose_{name}", words, ("worker",))
            for name, words in _GAUGES.items()
        }

    def set(self, worker: int, status: StreamsStatus) -> None:
        """Show what a worker has done."""
        for name, value in (status.figures() | {"open": status.streams}).items():
            self._gauges[name].set(value, {"worker": str(worker)})
