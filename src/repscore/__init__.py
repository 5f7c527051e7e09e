"""Exercise videos in, a scored and queryable dataset out."""

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repscore.pipelines.dataset import Dataset

__version__ = version("repscore")


def open(dataset: str) -> "Dataset":  # noqa: A001 - read as repscore.open
    """A dataset, by its folder or URL, with its tables and keypoints.

    Raises ValueError where there is none.
    """
    from repscore.pipelines.dataset import Dataset  # importing repscore is quick

    return Dataset(dataset)
