"""The reference: one page for each public package, written from its ``__all__`` before the site is read.

A name that several packages export is documented once, in the outermost package below the root, and listed with
a link in the others. Names in signatures and docstrings lead to where they are documented, whatever module they
are defined in.
"""

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

import quantumlink

FOLDER = "reference"
NOT_FOR_USERS = ("quantumlink.cli", "quantumlink.exact")
PLAIN_MODULES = ("quantumlink.circuits", "quantumlink.estimation", "quantumlink.program", "quantumlink.rates")


@dataclass(frozen=True)
class Documented:
    """An object's place in the reference."""

    full_name: str
    page: str


def public_modules() -> list[ModuleType]:
    """The packages with an ``__all__``, and the modules that stand for themselves; outer ones first."""
    names = [m.name for m in pkgutil.walk_packages(quantumlink.__path__, "quantumlink.") if m.ispkg]
    names = [name for name in {*names, *PLAIN_MODULES} if not name.startswith(NOT_FOR_USERS)]
    modules = [importlib.import_module(name) for name in sorted(names, key=lambda name: (name.count("."), name))]
    return [module for module in modules if public_names(module)]


def public_names(module: ModuleType) -> list[str]:
    """What the module exports, or defines if it has no ``__all__``; submodules are pages of their own."""
    names = getattr(module, "__all__", None)
    if names is None:
        own = {n: v for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__}
        names = [n for n in own if not n.startswith("_")] if module.__name__ in PLAIN_MODULES else []
    return [name for name in names if not inspect.ismodule(getattr(module, name))]


def identity(value: Any, full_name: str) -> str:
    """Where an object is defined; a constant is known by its name only."""
    if inspect.isclass(value) or inspect.isroutine(value):
        return f"{value.__module__}.{value.__qualname__}"
    return full_name


def places(modules: list[ModuleType]) -> dict[str, Documented]:
    """The place of each public object, by where it is defined."""
    found: dict[str, Documented] = {}
    for module in modules:
        for name in public_names(module):
            full_name = f"{module.__name__}.{name}"
            found.setdefault(
                identity(getattr(module, name), full_name), Documented(full_name, f"{FOLDER}/{module.__name__}")
            )
    return found


def first_sentence(value: Any) -> str:
    """The docstring's first line, if the object has a docstring of its own."""
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return ""
    return (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")


def directive(value: Any) -> str:
    """The directive of autodoc for an object."""
    if inspect.isclass(value):
        return "autoexception" if issubclass(value, BaseException) else "autoclass"
    return "autofunction" if inspect.isroutine(value) else "autodata"


def options(value: Any) -> list[str]:
    """Members of a class are told, but what other libraries write into it is not; nor are long constants."""
    if inspect.isclass(value):
        foreign = [
            name
            for name, member in vars(value).items()
            if inspect.isroutine(member)
            and not str(getattr(member, "__module__", "quantumlink")).startswith("quantumlink")
        ]
        return ["   :members:", *([f"   :exclude-members: {', '.join(foreign)}"] if foreign else [])]
    return [] if inspect.isroutine(value) or len(repr(value)) < 80 else ["   :no-value:"]


def table(rows: list[tuple[str, str, str]]) -> list[str]:
    """Rows of name, place and first sentence."""
    lines = [".. list-table::", "   :widths: 30 70", ""]
    for name, full_name, sentence in rows:
        lines += [f"   * - :py:obj:`{name} <{full_name}>`", f"     - {sentence}"]
    return [*lines, ""]


def page(module: ModuleType, found: dict[str, Documented]) -> str:
    """One page: what the module says of itself, what is documented elsewhere, and then everything else."""
    title = module.__name__
    lines = [title, "=" * len(title), "", f".. automodule:: {title}", "   :no-members:", ""]
    here: list[str] = []
    elsewhere: list[tuple[str, str, str]] = []
    for name in public_names(module):
        value = getattr(module, name)
        place = found[identity(value, f"{title}.{name}")]
        if place.full_name == f"{title}.{name}":
            here += [f".. {directive(value)}:: {place.full_name}", *options(value), ""]
        else:
            elsewhere.append((name, place.full_name, first_sentence(value)))
    if elsewhere:
        lines += table(elsewhere)
    return "\n".join([*lines, *here])


def root_page(found: dict[str, Documented]) -> str:
    """``import quantumlink as ql``: every name of the root, with a link."""
    names = public_names(quantumlink)
    rows = []
    for name in names:
        value = getattr(quantumlink, name)
        rows.append((f"ql.{name}", found[identity(value, f"quantumlink.{name}")].full_name, first_sentence(value)))
    title = "quantumlink"
    lines = [title, "=" * len(title), "", ".. automodule:: quantumlink", "   :no-members:", "", *table(rows)]
    return "\n".join(lines)


def write_pages(app: Sphinx) -> None:
    """Write the pages that changed, and take away those of packages that are gone."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    modules = public_modules()
    found = places(modules)
    pages = {f"{module.__name__}.rst": page(module, found) for module in modules}
    pages["quantumlink.rst"] = root_page(found)
    listed = "\n".join(f"   {name.removesuffix('.rst')}" for name in sorted(pages))
    pages["index.rst"] = (
        "Reference\n=========\n\nGenerated from the docstrings: one page a package.\n\n"
        f".. toctree::\n   :maxdepth: 1\n\n{listed}\n"
    )
    for path in folder.iterdir():
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    app.quantumlink_names = names_to_places(found)  # type: ignore[attr-defined]


def names_to_places(found: dict[str, Documented]) -> dict[str, str]:
    """Full names of what is documented, by where it is defined and by bare names that stand for one object only.

    Where several objects share a bare name it is that of the root's, if the root exports it.
    """
    short: dict[str, list[str]] = {}
    for place in found.values():
        short.setdefault(place.full_name.rpartition(".")[2], []).append(place.full_name)
    names = {name: listed[0] for name, listed in short.items() if len(listed) == 1}
    for name in public_names(quantumlink):
        names[name] = found[identity(getattr(quantumlink, name), f"quantumlink.{name}")].full_name
    return names | {defined: place.full_name for defined, place in found.items()}


def lead_names(app: Sphinx, doctree: nodes.document) -> None:
    """Lead names that are written short, or as where they are defined, to where they are documented."""
    names: dict[str, str] = app.quantumlink_names  # type: ignore[attr-defined]
    for node in doctree.findall(pending_xref):
        if node.get("refdomain") != "py":
            continue
        target = node["reftarget"].removeprefix("ql.")
        parts = target.split(".")
        for length in range(len(parts), 0, -1):
            owner = ".".join(parts[:length])
            if owner in names:
                node["reftarget"] = ".".join([names[owner], *parts[length:]])
                break


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before the sources are looked for, and lead names to their places as each page is read."""
    app.connect("builder-inited", write_pages)
    app.connect("doctree-read", lead_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
