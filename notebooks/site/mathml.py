"""Formulas as MathML, written when the site is built: no script, no font and no network when it is read.

A formula that cannot be translated is a warning, and so fails the build.
"""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)
_FRACTION = re.compile(r"\\[td]?frac(\d)(\d)")  # \frac12, which TeX takes and the translator does not


def translated(formula: str, node: nodes.Element, *, as_block: bool) -> str:
    """The formula in MathML, or as it was written if that fails, with a warning."""
    try:
        return tex2mathml(_FRACTION.sub(r"\\frac{\1}{\2}", formula), as_block=as_block)
    except MathError as error:
        LOGGER.warning("cannot translate the formula %r: %s", formula, error, location=node, type="mathml")
        return f"<code>{nodes.unescape(formula)}</code>"


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(f'<span class="math">{translated(node.astext(), node, as_block=False)}</span>')
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on its own."""
    self.body.append(self.starttag(node, "div", CLASS="math math-block"))
    self.body.append(translated(node.astext(), node, as_block=True))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
