"""A matplotlib figure that a notebook shows by itself: made without pyplot, it belongs to no global state."""

from __future__ import annotations

from io import BytesIO

from matplotlib.figure import Figure as _Figure


class Figure(_Figure):
    """A figure that draws itself where it is the result of a notebook's cell."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()
