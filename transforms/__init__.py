"""The stages, in the order of the data: discover, plan, pose, repetitions, score, tables."""
