"""Pictures of a cell, drawn from its equations: SVG that fits a light and a dark page."""

from gru_sym.figures.flow import flow
from gru_sym.figures.null_directions import null_directions

__all__ = ["flow", "null_directions"]
