"""The demo: a synthetic athlete performs exercises with known repetitions and known faults."""
