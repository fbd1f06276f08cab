"""A recurrent cell, written once as the text of its equations; everything else is derived from it.

>>> from gru_sym import Cell, Layer, catalogue, cell
>>> cell("gru.pytorch").count()
3*m*n + 3*n**2 + 6*n
>>> Layer(cell("gru.pytorch"), num_layers=2).count(m=8, n=16)
2880
"""

from gru_sym.cells import Cell, Parameter
from gru_sym.errors import CellError
from gru_sym.layers import Layer
from gru_sym.lookup import UnknownCell, catalogue, cell

__all__ = ["Cell", "CellError", "Layer", "Parameter", "UnknownCell", "catalogue", "cell"]
__version__ = "0.1.0"
