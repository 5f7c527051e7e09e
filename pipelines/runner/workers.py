"""Beam's workers as threads of this process (what Beam calls LOOPBACK), on 127.0.0.1 alone.

Beam's own LOOPBACK listens on every interface. It also lets the runner split bundles, which loses
data on Prism 2.77: the keys of the part that is returned count as free although the other part may
hold elements of the same key, so that two bundles work on the state of one key at once, and the
later commit drops what the earlier one wrote. Splitting brings nothing here, since Ray does the
slow work. So these workers split nothing, which the protocol allows.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc  # type: ignore[import-untyped]
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.runners.worker.sdk_worker import SdkHarness
from apache_beam.utils.thread_pool_executor import shared_unbounded_instance

_KEEP_ALIVE: Final = (
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.max_ping_strikes", 0),
)


class Unsplit(SdkHarness):
    """A worker that answers a request to split a bundle with no split."""

    def _request_process_bundle_split(self, request: Any) -> None:
        nothing = beam_fn_api_pb2.InstructionResponse(
            instruction_id=request.instruction_id,
            process_bundle_split=beam_fn_api_pb2.ProcessBundleSplitResponse(),
        )
        self._execute(lambda: nothing, request)


class _Pool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts a worker whenever the runner asks for one."""

    def StartWorker(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - Beam's names
        harness = Unsplit(request.control_endpoint.url, worker_id=request.worker_id)
        threading.Thread(target=harness.run, name="beam-worker", daemon=True).start()
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return beam_fn_api_pb2.StopWorkerResponse()  # it ends with its connection


@contextmanager
def serving_workers() -> Iterator[str]:
    """The address at which a runner gets its workers; they end with the runner's connection."""
    threads: Any = shared_unbounded_instance()  # not annotated as the executor that it is
    server = grpc.server(threads, options=_KEEP_ALIVE)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(_Pool(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(1).wait()  # after the second that it allows
