"""How exactly a GPU multiplies: PyTorch's switches, set for a block and given back."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

MATMUL = torch.backends.cuda.matmul

SWITCHES: tuple[tuple[Any, str], ...] = (
    (torch.backends.cudnn, "allow_tf32"),
    (MATMUL, "allow_tf32"),
    (MATMUL, "allow_fp16_reduced_precision_reduction"),
    (MATMUL, "allow_bf16_reduced_precision_reduction"),
)


@contextmanager
def arithmetic(*, tf32: bool) -> Iterator[None]:
    """Run the block with or without TF32, in cuDNN and in matrix products alike.

    >>> with arithmetic(tf32=True):
    ...     torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    (True, True)

    Sums of products of float16 and bfloat16 are kept in float32 throughout, as cuDNN keeps them.
    """
    before = [_get(owner, name) for owner, name in SWITCHES]
    try:
        for (owner, name), value in zip(SWITCHES, before, strict=True):
            wanted = tf32 and name == "allow_tf32"
            _set(owner, name, (wanted, value[1]) if isinstance(value, tuple) else wanted)
        yield
    finally:
        for (owner, name), value in zip(SWITCHES, before, strict=True):
            _set(owner, name, value)


def _get(owner: Any, name: str) -> Any:
    with warnings.catch_warnings():
        # Some versions of torch advise another name for TF32, which others do not have.
        warnings.simplefilter("ignore")
        value = getattr(owner, name)
        # Where torch has a second switch beside this one, setting this one alone would reset it.
        second = getattr(owner, f"{name}_split_k", None)
        return value if second is None else (value, second)


def _set(owner: Any, name: str, value: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        setattr(owner, name, value)
