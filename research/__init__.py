"""What makes and judges the networks that repscore ships; not part of the package."""
