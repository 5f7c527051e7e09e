"""Find inputs, name their content, skip what the dataset already holds."""
