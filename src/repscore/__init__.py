"""Exercise videos in, a scored and queryable dataset out."""

from importlib.metadata import version

__version__ = version("repscore")
