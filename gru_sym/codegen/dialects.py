"""NumPy and PyTorch: what functions are called there, and the forms of a few operations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gru_sym.functions import FUNCTIONS


@dataclass(frozen=True)
class Library:
    """What differs between the libraries: names of functions, and the forms of a few operations.

    Attributes
    ----------
    imports : the second one only where something of it is used.
    on_one_device : whether arrays have devices, which must agree.
    unbind : array -> its steps, one by one; empty where indexing costs nothing. In PyTorch the
        gradient of `a[t]` is a tensor of all steps, so that T of them cost T squared.
    long_product : x, kernel -> x @ kernel.T for the x of all steps, where `@` would go through the
        steps one by one; empty where it does not.
    linear : x, kernel, bias -> x @ kernel.T + bias; empty where there is no call for it.
    bounded : function, its bound, array, number -> the larger or the smaller of the two.
    mean : array -> the mean along the last axis, which stays, with one entry.
    blocks : kernel, parts -> the product of every block with its part of a vector.
    chunk, split : array, number of parts or their sizes -> the parts along the last axis.
    """

    name: str
    title: str
    imports: tuple[str, ...]
    on_one_device: bool
    unbind: str
    array: str
    array_title: str
    not_floating: str
    zeros: str
    zeros_like: str
    concatenate: str
    stack: str
    moveaxis: str
    long_product: str
    linear: str
    bounded: str
    mean: str
    blocks: str
    chunk: str
    split: str

    @property
    def functions(self) -> Mapping[str, str]:
        """Name in the cell language -> what is called."""
        return {f: text for f, text in self._spelled().items() if is_call(text)}

    @property
    def helpers(self) -> Mapping[str, str]:
        """Name in the cell language -> the definition of a function of that name in `u`."""
        return {f: text for f, text in self._spelled().items() if not is_call(text)}

    def _spelled(self) -> dict[str, str]:
        return {name: f.spelling[self.name] for name, f in FUNCTIONS.items()}


def is_call(spelling: str) -> bool:
    """Whether a function is called by this name, and not written as an expression in `u`."""
    return re.fullmatch(r"\w+(\.\w+)+", spelling) is not None


NUMPY = Library(
    name="numpy",
    title="NumPy",
    imports=("import numpy as np",),
    on_one_device=False,
    unbind="",
    array="(np.ndarray, np.generic)",
    array_title="a NumPy array",
    not_floating='x.dtype.kind != "f"',
    zeros="np.zeros({shape}, {x}.dtype)",
    zeros_like="np.zeros_like({array})",
    concatenate="np.concatenate([{parts}])",
    stack="np.stack({array})",
    moveaxis="np.moveaxis({array}, {source}, {target})",
    long_product="np.tensordot({x}, {kernel}, (-1, -1))",
    linear="",
    bounded="{function}({array}, {number})",
    mean="np.mean({array}, -1, keepdims=True)",
    blocks='np.einsum("kij,...kj->...ki", {kernel}, {parts})',
    chunk="np.split({array}, {count}, axis=-1)",
    split="np.split({array}, np.cumsum([{all_but_last}]), axis=-1)",
)

TORCH = Library(
    name="torch",
    title="PyTorch",
    imports=("import torch", "import torch.nn.functional as F"),
    on_one_device=True,
    unbind="{array}.unbind(0)",
    array="torch.Tensor",
    array_title="a torch.Tensor",
    not_floating="not x.dtype.is_floating_point",
    zeros="{x}.new_zeros({shape})",
    zeros_like="torch.zeros_like({array})",
    concatenate="torch.cat([{parts}])",
    stack="torch.stack({array})",
    moveaxis="torch.moveaxis({array}, {source}, {target})",
    long_product="",
    linear="F.linear({x}, {kernel}, {bias})",
    bounded="torch.clamp({array}, {bound}={number})",
    mean="torch.mean({array}, -1, keepdim=True)",
    blocks='torch.einsum("kij,...kj->...ki", {kernel}, {parts})',
    chunk="torch.chunk({array}, {count}, dim=-1)",
    split="torch.split({array}, [{all}], dim=-1)",
)

LIBRARIES = {library.name: library for library in (NUMPY, TORCH)}
