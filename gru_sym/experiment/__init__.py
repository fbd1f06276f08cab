"""Training runs and comparisons: what redundant biases do while a layer is trained."""
