"""One file a library: its layer <-> a catalogue cell, its tensors <-> the cell's names."""
