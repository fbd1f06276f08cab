"""One normal form of a cell, and its values: modulo a prime, and as real intervals."""
