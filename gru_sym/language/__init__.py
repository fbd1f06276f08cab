"""Text -> program: the cell language, its errors, the inferred shapes. It knows no cell."""
