"""What a notebook says, and whether another run of it says the same: text and numbers, no pixels."""

import ast
import math
import re

RELATIVE = 1e-6
"""How far a number may be off, relative to itself: sums in another order, other versions of numpy."""
ABSOLUTE = 1e-9
VARIES = "varies"
"""The tag of a cell whose output depends on the machine or the hour; it must run, and is not compared."""

_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+−]?\.\d+(?:[eE][-+]?\d+)?")
_WIDGET = "application/vnd.jupyter.widget-view+json"
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_TEXTS = ("text/plain", "text/html", "text/markdown", "text/latex")
_EMBEDDED = re.compile(r"(?:data:image/[\w+]+;base64,[A-Za-z0-9+/=]+)|<svg.*?</svg>", re.DOTALL)


def texts(cell):
    """What a cell said, each as (kind, text): what it printed as one text; warnings and pictures are left out."""
    outputs = [out for out in cell.get("outputs", []) if not passes(out)]
    streams = [out for out in outputs if out["output_type"] == "stream" and out["name"] == "stdout"]
    printed = "".join("".join(out["text"]) for out in streams)
    said = [("printed", printed)] if printed else []
    said += [
        (kind, "".join(out["data"][kind])) for out in outputs for kind in _TEXTS if kind in out.get("data", {})
    ]
    return [(kind, _EMBEDDED.sub("<picture>", _ADDRESS.sub("0x…", text))) for kind, text in said]


def passes(output):
    """Whether nothing of it stays: a widget, or what a line of progress leaves behind on a slow machine."""
    data = output.get("data", {})
    return _WIDGET in data or ("text/html" in data and not "".join(data["text/html"]).strip())


def tidy(outputs):
    """Outputs as they are committed: streams in one piece, nothing that progress left behind, no widgets."""
    told = []
    for out in outputs:
        if passes(out):
            continue
        if told and out["output_type"] == told[-1]["output_type"] == "stream" and out["name"] == told[-1]["name"]:
            told[-1]["text"] = "".join(told[-1]["text"]) + "".join(out["text"])
        else:
            told.append(out)
    return told


def value(number):
    """The value of a number as it is written: with commas for thousands, with a typographic minus."""
    return float(number.replace(",", "").replace("−", "-"))


def difference(before, after):
    """The first line in which two texts differ in more than the last digits of a number, or None."""
    old_lines, new_lines = before.strip().splitlines(), after.strip().splitlines()
    for i in range(max(len(old_lines), len(new_lines))):
        old = old_lines[i].rstrip() if i < len(old_lines) else "(nothing)"
        new = new_lines[i].rstrip() if i < len(new_lines) else "(nothing)"
        numbers = list(zip(_NUMBER.findall(old), _NUMBER.findall(new), strict=False))
        same_words = _NUMBER.sub("#", old).split() == _NUMBER.sub("#", new).split()
        if not same_words or not all(
            math.isclose(value(a), value(b), rel_tol=RELATIVE, abs_tol=ABSOLUTE) for a, b in numbers
        ):
            return f"- {old}\n+ {new}"
    return None


def differences(before, after):
    """Where two runs of a notebook differ, in words: a list, empty if they say the same."""
    found = []
    for i, (old, new) in enumerate(zip(before["cells"], after["cells"], strict=True)):
        if old["cell_type"] != "code" or VARIES in old["metadata"].get("tags", []):
            continue
        said, says = texts(old), texts(new)
        source = "".join(old["source"]).strip().split("\n")[0]
        if [kind for kind, _ in said] != [kind for kind, _ in says]:
            found.append(f"cell {i} ({source}): {[k for k, _ in said]} became {[k for k, _ in says]}")
            continue
        for (kind, text), (_, new_text) in zip(said, says, strict=True):
            if (line := difference(text, new_text)) is not None:
                found.append(f"cell {i} ({source}), {kind}:\n{line}")
    return found


def pictures_without_words(notebook):
    """The cells that show a picture without words for it in their metadata, under mystnb, image, alt."""
    found = []
    for i, cell in enumerate(notebook["cells"]):
        shown = [
            kind for out in cell.get("outputs", []) for kind in out.get("data", {}) if kind.startswith("image/")
        ]
        if shown and not cell["metadata"].get("mystnb", {}).get("image", {}).get("alt"):
            source = "".join(cell["source"]).strip().split("\n")[0]
            found.append(f"cell {i} ({source}) shows a picture and has no alternative text in its metadata")
    return found


def pictures_of_a_page_without_words(markdown):
    """The images of a page in MyST Markdown that have no alternative text: as Markdown, HTML or a directive."""
    directives = re.findall(r"^(```|:::)\{(?:image|figure)\}(.*?)^\1", markdown, re.MULTILINE | re.DOTALL)
    found = [
        text.strip().split("\n")[0] for _, text in directives if not re.search(r"^:alt: *\S", text, re.MULTILINE)
    ]
    text = re.sub(r"^(```|:::).*?^\1", "", markdown, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]+`", "", text)
    found += re.findall(r"!\[\s*\]\([^)]*\)", text)
    return found + [tag for tag in re.findall(r"<img\b[^>]*>", text) if not re.search(r"\balt=[\"'][^\"']", tag)]


def refusals_that_may_not_come(source):
    """Where Python shows a refusal and would go on without a word if there were none: first lines of these ``try``.

    A refusal is shown by a handler that prints what it caught; an ``else`` that raises makes sure that it comes.
    """
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    found = []
    for node in ast.walk(ast.parse("\n".join(lines))):
        shown = isinstance(node, ast.Try) and any(_prints(handler) for handler in node.handlers)
        if shown and not any(isinstance(step, ast.Raise) for step in node.orelse):
            found.append(ast.unparse(node.body[0]))
    return found


def _prints(handler):
    """Whether a handler prints what it caught."""
    calls = [node for step in handler.body for node in ast.walk(step) if isinstance(node, ast.Call)]
    printed = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    names = {node.id for call in printed for node in ast.walk(call) if isinstance(node, ast.Name)}
    return handler.name is not None and handler.name in names
