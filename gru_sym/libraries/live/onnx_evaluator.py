"""ONNX's own reference evaluator: operators, with the weights as initializers of a model.

It ignores the operators' `clip`, `activations`, `input_forget` and `sequence_lens` without a word,
so that it is asked about none of them.
"""

from __future__ import annotations

from typing import Any

from gru_sym.libraries.live import EXACT, Answer, Precision, Question

DISTRIBUTION = "onnx"
LAYOUT = "onnx"


def precision(layer: str, options: dict[str, Any]) -> Precision:
    """NumPy in float64."""
    return EXACT


def model(question: Question) -> Any:
    """A model of one operator. The sequence and the first states are its inputs."""
    import onnx
    from onnx import helper, numpy_helper

    states = ["initial_h", "initial_c"][: len(question.states)]
    order = ["X", "W", "R", "B", "", *states, "P"]
    held = {"X", *states, *question.tensors}
    inputs = [name if name in held else "" for name in order]
    while not inputs[-1]:
        inputs.pop()
    last = ["Y_h", "Y_c"][: len(states)]
    options = {name: int(value) for name, value in question.options.items() if name not in "BP"}
    n = question.states[0].shape[-1]
    node = helper.make_node(
        question.layer,
        inputs,
        ["Y", *last],
        **{**options, "hidden_size": n},
        direction="bidirectional" if question.bidirectional else "forward",
    )
    element = helper.np_dtype_to_tensor_dtype(question.x.dtype)
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info(name, element, [None] * 3) for name in ("X", *states)],
        [
            helper.make_tensor_value_info(name, element, [None] * rank)
            for name, rank in zip(("Y", *last), (4, 3, 3), strict=False)
        ],
        [numpy_helper.from_array(tensor, name) for name, tensor in question.tensors.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(made)
    return made


def answer(question: Question, made: Any, results: list[Any]) -> Answer:
    """The answer of whatever ran the model; Y is (T, D, B, n)."""
    import numpy as np
    from onnx import numpy_helper

    steps, directions, batch, n = results[0].shape
    outputs = np.moveaxis(results[0], 1, 2).reshape(steps, batch, directions * n)
    read = {each.name: numpy_helper.to_array(each) for each in made.graph.initializer}
    return Answer(outputs, tuple(results[1:]), sum(a.size for a in read.values()), read)


def feeds(question: Question) -> dict[str, Any]:
    """The inputs of the model."""
    return dict(zip(("X", "initial_h", "initial_c"), (question.x, *question.states), strict=False))


def run(question: Question) -> Answer:
    """Build the model, run it, read it."""
    from onnx.reference import ReferenceEvaluator

    made = model(question)
    return answer(question, made, ReferenceEvaluator(made).run(None, feeds(question)))
