"""Score repetitions with Beam's RunInference."""
