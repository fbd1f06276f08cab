"""What is in a model: its recurrent layers, found by names and shapes, and what they come to."""
