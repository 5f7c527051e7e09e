import os
import sys
from pathlib import Path

import pytest

# The fakes are imported by name, here and in Ray's workers, which inherit the environment.
HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (HERE, os.environ.get("PYTHONPATH"))))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The developers' test material; most of it has no clean licence, so it is not in here."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data, the footage that is not part of the repository")
    return folder
