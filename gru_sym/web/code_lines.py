"""One line for each library that counts the parameters of a layer there, ready to paste.

`count` is the whole line; in it `{layers}` is one layer or several. `one` is one of them, with
`{layer}` its name and `{options}` what is set; `both` the same in both directions, `several` L of
them, where the library has no option for that (`directions`, `levels`). A library without a line
has none on the page: what it stores is said all the same.
"""

from __future__ import annotations

JAX = "sum(map(jax.numpy.size, jax.tree.leaves({})))"

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
    "flax_linen": {
        "count": JAX.format("{layers}.init(jax.random.key(0), jax.numpy.zeros((1, 1, {m})))"),
        "one": "flax.linen.RNN(flax.linen.{layer}({options}))",
    },
    "flax_nnx": {
        "count": JAX.format("flax.nnx.state({layers}, flax.nnx.Param)"),
        "one": "flax.nnx.{layer}({options}, rngs=flax.nnx.Rngs(0))",
    },
    "equinox": {
        "count": JAX.format("equinox.filter({layers}, equinox.is_array)"),
        "one": "equinox.nn.{layer}({options}, key=jax.random.key(0))",
    },
    "haiku": {
        "count": JAX.format(
            "haiku.transform(lambda x: (cell := {layers})(x, cell.initial_state(1)))"
            ".init(jax.random.key(0), jax.numpy.zeros((1, {m})))"
        ),
        "one": "haiku.{layer}({options})",
    },
    "mlx": {
        "count": "sum(p.size for _, p in mlx.utils.tree_flatten({layers}.parameters()))",
        "one": "mlx.nn.{layer}({options})",
    },
}
