"""What a machine says: measured, and recorded with the libraries that are on it."""
