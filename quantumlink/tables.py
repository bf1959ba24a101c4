"""Tables of two columns, as a notebook shows them."""

from collections.abc import Sequence
from html import escape


def html_table(caption: str, rows: Sequence[tuple[str, str]]) -> str:
    """A table of names and values under a caption; texts are escaped.

    >>> html_table("a link", [("pairs", "1 < 2")])
    '<table><caption>a link</caption><tr><td>pairs</td><td>1 &lt; 2</td></tr></table>'
    """
    body = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table><caption>{escape(caption)}</caption>{body}</table>"
