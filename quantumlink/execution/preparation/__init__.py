"""A program on a device: prepared for it, predicted for it, checked before it is submitted."""

from quantumlink.execution.preparation.compilation import Compiled, compiled
from quantumlink.execution.preparation.cost import FEEDFORWARD_LATENCY_S, Cost
from quantumlink.execution.preparation.linting import NotSubmittable, lint
from quantumlink.execution.preparation.prediction import Prediction, predict
from quantumlink.execution.preparation.prepared import Choice, Prepared
from quantumlink.execution.preparation.preparing import prepare
from quantumlink.execution.preparation.probabilities import Probabilities
from quantumlink.execution.preparation.recipe import Recipe
from quantumlink.execution.preparation.slicing import VirtualProcessor, slice_device

__all__ = [
    "FEEDFORWARD_LATENCY_S",
    "Choice",
    "Compiled",
    "Cost",
    "NotSubmittable",
    "Prediction",
    "Prepared",
    "Probabilities",
    "Recipe",
    "VirtualProcessor",
    "compiled",
    "lint",
    "predict",
    "prepare",
    "slice_device",
]
