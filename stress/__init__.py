"""`make stress`: random cells of every kind, each certificate beside a rank found by numbers alone.

`text`, `dual`, `rank` and `oracle` are the other side of the scales and import nothing of gru_sym.
`gated`, `odd` and `reviewed` give cells, `verdict` lays the two answers to a cell side by side.
"""
