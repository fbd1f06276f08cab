"""What redundant biases do while a layer is trained, and how to take them out."""
