"""Models: layers one on the other, each a line of a description."""
