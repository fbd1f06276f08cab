"""PyTorch: layers and cells of one step."""

from __future__ import annotations

from typing import Any

from gru_sym.libraries.live import EXACT, Answer, Precision, Question, step_by_step

DISTRIBUTION = "torch"
LAYOUT = "pytorch"


def precision(layer: str, options: dict[str, Any]) -> Precision:
    """PyTorch computes in float64 what is float64."""
    return EXACT


def run(question: Question) -> Answer:
    """Build the layer, fill it, run it, read it."""
    import torch

    dtype = getattr(torch, question.dtype)
    options: dict[str, Any] = {**question.options, "dtype": dtype}
    one_step = question.layer.endswith("Cell")
    if not one_step:
        options |= {"num_layers": question.num_layers, "bidirectional": question.bidirectional}
    module = getattr(torch.nn, question.layer)(**options)
    module.load_state_dict({k: torch.from_numpy(v) for k, v in question.tensors.items()})

    def given(states: Any) -> Any:
        tensors = [torch.from_numpy(state) for state in states]
        return tensors[0] if len(tensors) == 1 else tuple(tensors)

    def several(states: Any) -> tuple[Any, ...]:
        return tuple(s.numpy() for s in (states if isinstance(states, tuple) else (states,)))

    with torch.no_grad():
        if one_step:
            outputs, last = step_by_step(
                lambda x, *states: several(module(torch.from_numpy(x), given(states))),
                question.x,
                question.states,
            )
        else:
            found, states = module(torch.from_numpy(question.x), given(question.states))
            outputs, last = found.numpy(), several(states)
    count = sum(parameter.numel() for parameter in module.parameters())
    return Answer(outputs, last, count, {k: v.numpy() for k, v in module.state_dict().items()})
