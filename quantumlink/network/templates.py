"""What a network file says once for many nodes or links: ``[defaults]`` and ``[templates]``.

The closer word counts: a node's or link's own keys before those of the templates that it uses, of these the later
named before the earlier, and templates before defaults. Tables, such as a ``fiber``, are joined key by key;
anything else is replaced as a whole. Four things replace what would contradict them and stands further away:

- a table of another ``kind``: the whole table;
- a medium: any other medium;
- the state of a link's pairs (``fidelity``, ``bell_diagonal``, ``state`` or ``source``): any other of these; with
  it go what only a source has (``detector``), or what a source decides (the keys of how often pairs come);
- how often pairs come, ``rate_hz`` or else ``success_probability`` and ``attempt_time_s``: the other of both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from quantumlink.network.files import STATED

What = Literal["node", "link"]

Table = Mapping[str, Any]

STATES = (*STATED, "source")
"""Keys that say in which state the pairs of a link arrive."""

_ATTEMPTS = ("success_probability", "attempt_time_s")
_RATES = ("rate_hz", *_ATTEMPTS)

ONCE = ("position", "between")
"""Keys that a node or link says itself: no two share them."""


@dataclass(frozen=True)
class Common:
    """Defaults and templates of a file, checked already."""

    defaults: Mapping[str, Table]
    """By ``"node"`` and ``"link"``."""
    templates: Mapping[str, Table]
    """By name."""
    media: Collection[str]
    """Keys of a link that are a medium."""

    def completed(self, what: What, own: Table, used: Collection[str]) -> Table:
        """A node's or link's own table with all that it takes from templates and defaults."""
        table = self.defaults.get(what, {})
        for name in used:
            table = self._over(table, self.templates[name])
        return self._over(table, {key: value for key, value in own.items() if key != "use"})

    def _over(self, far: Table, near: Table) -> Table:
        gone = _contradicted(far, near, self.media)
        return joined({key: value for key, value in far.items() if key not in gone}, near)


def joined(far: Table, near: Table) -> dict[str, Any]:
    """Two tables in one, the near one's values first; tables within them are joined too, unless of other kinds.

    >>> joined({"fiber": {"connectors": 2}, "multiplexing": 3}, {"fiber": {"length_km": 5.0}, "multiplexing": 4})
    {'fiber': {'connectors': 2, 'length_km': 5.0}, 'multiplexing': 4}
    """
    table = dict(far)
    for key, value in near.items():
        before = table.get(key)
        same = isinstance(before, Mapping) and isinstance(value, Mapping) and _same_kind(before, value)
        table[key] = joined(before, value) if same else value  # type: ignore[arg-type]
    return table


def _same_kind(far: Table, near: Table) -> bool:
    return "kind" not in far or "kind" not in near or far["kind"] == near["kind"]


def _contradicted(far: Table, near: Table, media: Collection[str]) -> set[str]:
    """Keys of the far table that the near one replaces by other keys."""
    gone: set[str] = set()
    for either in (media, STATES):
        if any(key in near for key in either):
            gone.update(key for key in either if key not in near)
    if "source" in near:
        gone.update(_RATES)
    elif "source" in gone and "source" in far:
        gone.add("detector")
    if "rate_hz" in near:
        gone.update(_ATTEMPTS)
    elif any(key in near for key in _ATTEMPTS):
        gone.add("rate_hz")
    return gone
