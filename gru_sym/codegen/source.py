"""A cell as the text of a module, in the language or library that is asked for."""

from __future__ import annotations

from gru_sym.cells import Cell
from gru_sym.codegen.dialects import LIBRARIES
from gru_sym.codegen.javascript import javascript_module
from gru_sym.codegen.listing import Listing
from gru_sym.codegen.python import python_module
from gru_sym.codegen.reading import output_first

__all__ = ["TARGETS", "output_first", "source"]

TARGETS = (*LIBRARIES, "javascript")
"""What `source` writes."""


def source(cell: Cell, library: str = "numpy", *, checked: bool = True) -> Listing:
    r'''The cell as a module for "numpy", "torch" or "javascript", to read or to paste.

    >>> from gru_sym import Cell
    >>> text = source(Cell("h' = tanh(W @ x + U @ h + b)"))
    >>> print(text.function("sequence").loop())
    for t in range(x.shape[0]):
        h = np.tanh(h_x[t] + h @ U.T)
        outputs.append(h)
    >>> print(source(Cell("h' = tanh(W @ x + U @ h)"), "torch").function("step"))
    def step(parameters, x, h):
        """One step: the next state.
    <BLANKLINE>
        Shapes: x (..., m), h (..., n); parameters as in SHAPES.
        """
        W, U = check(parameters, x, {"h": h})
        h = torch.tanh(x @ W.T + h @ U.T)
        return h
    >>> from gru_sym import cell
    >>> print(source(cell("gru.pytorch"), "torch").function("sequence").loop())
    for t in range(x.shape[0]):
        r_h, z_h, n_h = torch.chunk(h @ kernels_h.T, 3, dim=-1)
        r = torch.sigmoid(r_x[t] + r_h)
        z = torch.sigmoid(z_x[t] + z_h)
        n = torch.tanh(n_x[t] + r * (n_h + b_hn))
        h = (1 - z) * n + z * h
        outputs.append(h)
    >>> print(source(Cell("h' = tanh(W @ x + U @ h + b)"), "javascript", checked=False).strip())
    // cell in JavaScript: one step.
    //
    //     h' = tanh(W @ x + U @ h + b)
    //
    // A vector is an array of numbers, a matrix an array of its rows.
    <BLANKLINE>
    export const SHAPES = { W: ["n", "m"], U: ["n", "n"], b: ["n"] };
    <BLANKLINE>
    const dot = (a, b) => a.reduce((sum, number, i) => sum + number * b[i], 0);
    const each = (length, entry) => Array.from({ length }, (_, i) => entry(i));
    <BLANKLINE>
    /** One step: the next state. Shapes: x ["m"], h ["n"]; parameters as in SHAPES. */
    export function step(parameters, x, h) {
      const { W, U, b } = parameters;
      const h_next = each(h.length, (i) => Math.tanh(dot(W[i], x) + dot(U[i], h) + b[i]));
      return h_next;
    }

    In Python there is a step and a whole sequence, with any batch axes; in JavaScript a step on
    plain arrays. Without `checked` what is given is not checked, and the module is shorter.

    Raises `ValueError` for another library, `CellError` for a cell with a matrix that is another
    one at each step.
    '''
    if library == "javascript":
        return javascript_module(cell, checked)
    if library not in LIBRARIES:
        known = f"{', '.join(TARGETS[:-1])} or {TARGETS[-1]}"
        raise ValueError(f"code is generated for {known}, not for {library!r}")
    return python_module(cell, LIBRARIES[library], checked)
