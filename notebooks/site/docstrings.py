"""The docstrings of the code base as reStructuredText.

They are written to be read in an editor: drawings stand between fences, a bar is a bar and a star a star, and one
backtick marks a name. Here fences become code blocks, bars and stars are escaped, names that are documented become
links and other text between backticks becomes code.
"""

import inspect
import re
import sys
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer

_FENCE = re.compile(r"^(\s*)```(\w*)\s*$")
_MARKED = re.compile(r"(``.+?``|(?<![:\w`])`[^`]+?`(?!`)|:[\w:]+:`[^`]+`)", re.DOTALL)
_SECTION_ITEM = re.compile(r"^\s*\*{1,2}\w+(?: \([^)]*\))?:", re.MULTILINE)  # "*links: …" under Args


def fences_to_blocks(lines: list[str]) -> list[tuple[bool, str]]:
    """Lines with fenced drawings as code blocks; with each, whether it is verbatim."""
    result: list[tuple[bool, str]] = []
    indent: str | None = None
    for line in lines:
        fence = _FENCE.match(line)
        if fence and indent is None:
            indent = fence.group(1)
            language = fence.group(2) or "text"
            result += [(True, ""), (True, f"{indent}.. code-block:: {language}"), (True, "")]
        elif fence:
            indent = None
            result.append((True, ""))
        elif indent is not None:
            result.append((True, f"   {line}" if line.strip() else ""))
        else:
            result.append((False, line))
    return result


def doctests_are_verbatim(lines: list[tuple[bool, str]]) -> list[tuple[bool, str]]:
    """Examples and their output, up to an empty line, as they are."""
    result: list[tuple[bool, str]] = []
    within = False
    for verbatim, line in lines:
        within = line.lstrip().startswith(">>>") or (within and bool(line.strip()))
        result.append((verbatim or within, line))
    return result


def references_as_list(lines: list[str]) -> list[str]:
    """The entries of a section "References:", which hang, as a list."""
    result: list[str] = []
    base: int | None = None
    within = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() == "References:":
            within, base = True, None
        elif within and line.strip():
            base = indent if base is None else base
            within = indent >= base > 0
            if within:
                line = f"{' ' * base}{'- ' if indent == base else '  '}{line.strip()}"
        result.append(line)
    return result


def escaped(text: str, names: dict[str, str]) -> str:
    """Prose with its bars and stars escaped, and its names linked."""
    parts = _MARKED.split(text)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            starred = [match.span() for match in _SECTION_ITEM.finditer(part)]
            parts[i] = "".join(
                f"\\{c}" if c == "|" or (c == "*" and not any(a <= j < b for a, b in starred)) else c
                for j, c in enumerate(part)
            )
        elif not part.startswith(("``", ":")):
            parts[i] = linked(part[1:-1], names)
    return "".join(parts)


def linked(name: str, names: dict[str, str]) -> str:
    """One name between backticks: a link if it, or what it belongs to, is documented, else code."""
    bare = name.removesuffix("()")
    owner = bare.removeprefix("ql.").partition(".")[0]
    if re.fullmatch(r"[\w.]+", bare) and (bare in names or owner in names):
        return f":py:obj:`{bare}`"
    return f"``{name}``"


def constant_doc(name: str, value: Any) -> list[str]:
    """The docstring that stands under a constant where it is defined."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("quantumlink") and vars(module).get(name) is value:
            try:
                docs = ModuleAnalyzer.for_module(module_name).find_attr_docs()
            except PycodeError:
                continue
            if ("", name) in docs:
                return docs["", name]
    return []


def process(app: Sphinx, what: str, full_name: str, value: Any, _: Any, lines: list[str]) -> None:
    """Translate one docstring in place, before napoleon reads its sections."""
    if what in ("data", "attribute") and "\n".join(lines).strip() == (inspect.getdoc(type(value)) or "").strip():
        lines[:] = constant_doc(full_name.rpartition(".")[2], value) if what == "data" else []
    names: dict[str, str] = app.quantumlink_names  # type: ignore[attr-defined]
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # an empty comment: else napoleon takes what stands before a colon for a type
    marked = doctests_are_verbatim(fences_to_blocks(references_as_list(lines)))
    result: list[str] = []
    prose: list[str] = []
    for verbatim, line in [*marked, (True, "")]:
        if not verbatim:
            prose.append(line)
            continue
        if prose:
            result += escaped("\n".join(prose), names).split("\n")
            prose = []
        result.append(line)
    lines[:] = result


def setup(app: Sphinx) -> dict[str, bool]:
    """Translate before napoleon does, whose priority is 500."""
    app.connect("autodoc-process-docstring", process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
