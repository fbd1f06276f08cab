"""Text -> program: the cell language, its errors, the shapes that are inferred. It knows no cell."""
