import atexit
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from repscore.models import weights

pytest_plugins = ["emulators"]

# The fakes are imported by name, here and in Ray's workers, which inherit the environment.
HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (HERE, os.environ.get("PYTHONPATH"))))
# Where fakes in different processes meet.
os.environ["FAKES_FOLDER"] = tempfile.mkdtemp(prefix="fakes-")
atexit.register(shutil.rmtree, os.environ["FAKES_FOLDER"], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("footage")
        for mark in item.iter_markers("weights"):
            if not weights.present(*mark.args):
                reason = f"needs the weights {mark.args}: run `repscore weights`"
                item.add_marker(pytest.mark.skip(reason))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The developers' test material; most of it has no clean licence, so it is not in here."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data, the footage that is not part of the repository")
    return folder


# A deadline for an example would fail on a busy machine.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture
def chance() -> random.Random:
    """A random generator whose seed is printed, so that a failure can be repeated."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where a test fails
    return random.Random(seed)
