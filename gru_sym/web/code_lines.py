"""One line for each library that counts the parameters of a layer there, ready to paste.

`count` is the whole line; in it `{layers}` is one layer or several. `one` is one of them, with
`{layer}` its name and `{options}` what is set; `both` the same in both directions, `several` L of
them, where the library has no option for that (`directions`, `levels`). A library without a line
has none on the page: what it stores is said all the same.
"""

from __future__ import annotations

CODE_LINES: dict[str, dict[str, str]] = {
    "pytorch": {
        "count": "sum(p.numel() for p in {layers}.parameters())",
        "one": "torch.nn.{layer}({options})",
        "levels": "num_layers={L}",
        "directions": "bidirectional=True",
    },
    "keras": {
        "count": "keras.Sequential([keras.Input((None, {m})), {layers}]).count_params()",
        "one": "keras.layers.{layer}({options})",
        "both": "keras.layers.Bidirectional({one})",
        "several": "*({one} for _ in range({L}))",
        "sequence": "return_sequences=True",
    },
}
