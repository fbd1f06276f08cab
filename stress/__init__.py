"""`make stress`: random cells of every kind, their certificates against a rank that owes nothing to gru_sym.

`text`, `dual`, `rank` and `oracle` are the other side of the scales: they import nothing of gru_sym.
`gated`, `odd` and `reviewed` give cells, `verdict` lays the two answers to a cell beside each other.
"""
