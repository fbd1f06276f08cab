"""Equations -> readable NumPy and PyTorch source: one step, and a whole sequence."""

from gru_sym.codegen.routine import Routine, generate
from gru_sym.codegen.schedule import Schedule, schedule
from gru_sym.codegen.source import source

__all__ = ["Routine", "Schedule", "generate", "schedule", "source"]
