"""`repscore-worker`: a worker of Beam in a process of its own, started by a runner.

It takes the arguments that Beam gives to the program of a container, of a PROCESS environment, and
of `apache_beam.runners.worker.worker_pool_main --container_executable` (EXTERNAL). Like the workers
in the driver it splits no bundle.
"""

import argparse

import grpc  # type: ignore[import-untyped]
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc

from repscore.pipelines.runner.workers import Unsplit

_ANSWER_S = 30.0


def main() -> None:
    """Serve the runner that is named on the command line until it ends."""
    about = "A worker of Beam, started by a runner."
    parser = argparse.ArgumentParser("repscore-worker", description=about)
    parser.add_argument("--id", required=True, help="Name of this worker, as the runner knows it.")
    parser.add_argument("--provision_endpoint", help="Where the runner says the other addresses.")
    parser.add_argument("--control_endpoint", help="Where work comes from.")
    given, _ = parser.parse_known_args()  # what else the runner says concerns containers
    if not given.control_endpoint and not given.provision_endpoint:
        parser.error("expected --control_endpoint or --provision_endpoint, as a runner gives them")
    name = given.id.strip("'")  # Prism quotes it without a shell
    control = given.control_endpoint or _provisioned(given.provision_endpoint, name)
    Unsplit(control, worker_id=name).run()


def _provisioned(endpoint: str, name: str) -> str:
    with grpc.insecure_channel(endpoint) as channel:
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        answer = service.GetProvisionInfo(
            request, metadata=[("worker_id", name)], timeout=_ANSWER_S, wait_for_ready=True
        )
    url: str = answer.info.control_endpoint.url
    return url
