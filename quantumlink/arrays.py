"""Names of numpy's arrays in annotations."""

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]
"""Bits, one element a bit, each 0 or 1."""
BoolArray = npt.NDArray[np.bool_]
ComplexArray = npt.NDArray[np.complex128]
FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]
IntArray = npt.NDArray[np.int64]
