"""OpenVINO: sequences made of its own operators."""

from __future__ import annotations

from typing import Any

from gru_sym.libraries.live import Answer, Precision, Question, environment

DISTRIBUTION = "openvino"
LAYOUT = "openvino"


def precision(layer: str, options: dict[str, Any]) -> Precision:
    """Its processor plug-in takes float64 and computes in float32."""
    return Precision(
        "float32", 1e-6, "float32, in which OpenVINO computes with float64 numbers, too"
    )


def run(question: Question) -> Answer:
    """Build the model, run it, read it. Its states are (B, D, n)."""
    import numpy as np

    with environment(CI="true"):  # else the import starts a process that sends usage statistics
        import openvino
        from openvino import opset14

    steps, batch, _ = question.x.shape
    kernels = [opset14.constant(question.tensors[name]) for name in ("W", "R", "B")]
    x = opset14.parameter([batch, steps, question.x.shape[2]], question.x.dtype)
    first = [
        opset14.parameter(state.swapaxes(0, 1).shape, state.dtype) for state in question.states
    ]
    lengths = opset14.constant(np.full(batch, steps, "int32"))
    options = {name: value for name, value in question.options.items() if name != "hidden_size"}
    node = getattr(opset14, question.layer.lower().replace("sequence", "_sequence"))(
        x,
        *first,
        lengths,
        *kernels,
        hidden_size=question.states[0].shape[-1],
        direction="bidirectional" if question.bidirectional else "forward",
        **options,
    )
    model = openvino.Model([openvino.opset14.result(port) for port in node.outputs()], [x, *first])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    given = [question.x.swapaxes(0, 1), *(state.swapaxes(0, 1) for state in question.states)]
    outputs, *last = list(compiled([np.ascontiguousarray(a) for a in given]).values())
    read = dict(zip("WRB", (constant.get_data() for constant in kernels), strict=True))
    return Answer(
        outputs.transpose(2, 0, 1, 3).reshape(steps, batch, -1),
        tuple(state.swapaxes(0, 1) for state in last),
        sum(array.size for array in read.values()),
        read,
    )
