"""Ways from a board to its gateway."""
