"""Lists of pages by their kind, so that a new page is listed without anyone remembering.

``{pages} KIND`` is a toctree of all pages of a kind: first those that it names, in that order, then the others by
name. A notebook is a ``tutorial`` and a page anywhere else an ``explanation``, unless the page says otherwise
in its front matter, ``kind: how-to``, or the notebook in its metadata, ``"kind": "how-to"``.
"""

import json
import re
from pathlib import Path

from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.directives.other import TocTree
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)

KINDS = ("start", "tutorial", "how-to", "explanation", "gallery", "project")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_KIND = re.compile(r"^kind:\s*([\w-]+)\s*$", re.MULTILINE)


def kind_of(path: Path) -> str | None:
    """The kind that a page says, else that of its place; None for a list of pages and for the reference."""
    if path.suffix == ".ipynb":
        said = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("kind")
        return said or "tutorial"
    if path.suffix != ".md" or path.stem == "index":
        return None
    front = _FRONT_MATTER.match(path.read_text(encoding="utf-8"))
    found = _KIND.search(front.group(1)) if front else None
    return found.group(1) if found else "explanation"


class Pages(TocTree):
    """A toctree of all pages of one kind."""

    required_arguments = 1

    def run(self):
        """Put the names of the pages where a toctree expects them."""
        kind = self.arguments[0]
        kinds = {name: kind_of(Path(self.env.doc2path(name))) for name in self.env.found_docs}
        for name, found in kinds.items():
            if found is not None and found not in KINDS:
                LOGGER.warning("kind must be one of %s, got %r", ", ".join(KINDS), found, location=name)
        first = [line.strip().removeprefix("/") for line in self.content if line.strip()]
        for name in first:
            if kinds.get(name) != kind:
                LOGGER.warning("%s is no page of the kind %s", name, kind, location=self.get_location())
        rest = sorted(name for name, found in kinds.items() if found == kind and name not in first)
        self.content = StringList([f"/{name}" for name in (*first, *rest)], source=self.env.docname)
        return super().run()


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the directive."""
    app.add_directive("pages", Pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
