"""onnxruntime: the same models as ONNX's reference evaluator, in float32."""

from __future__ import annotations

from typing import Any

from gru_sym.libraries.live import Answer, Precision, Question
from gru_sym.libraries.live.onnx_evaluator import answer, feeds, model

DISTRIBUTION = "onnxruntime"
LAYOUT = "onnx"


def precision(layer: str, options: dict[str, Any]) -> Precision:
    """It has no kernel of these operators for float64."""
    return Precision("float32", 1e-6, "float32: onnxruntime has these operators for nothing finer")


def run(question: Question) -> Answer:
    """Build the model, run it, read it."""
    import onnxruntime

    made = model(question)
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return answer(question, made, session.run(None, feeds(question)))
