"""Training of the phase network."""
