"""What the pages count is what there is: a number that nothing derives is left out, or stands here."""

import inspect
import json
import re
from pathlib import Path

import pytest
from qiskit.circuit import QuantumCircuit

import quantumlink as ql

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "notebooks").rglob("*.md"))]
# fmt: off
NUMBERS = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred",
)
# fmt: on
THINGS = ("recipes", "notebooks", "commands", "pictures", "protocols", "networks", "things to do", "examples")
COUNTED = re.compile(
    rf"(?<![-.,/\w])((?:{'|'.join(NUMBERS)})(?:-\w+)?|\d+)\s+((?:[a-z]+\s+)?)({'|'.join(THINGS)})\b", re.IGNORECASE
)
TOLD = {  # what may be counted of the project itself, by the page
    ("real_networks.md", "Six networks"): lambda: len(real_networks()),
    ("distributed_computing.md", "Two notebooks"): lambda: len(named_notebooks("distributed_computing.md")),
}


def real_networks():
    page = (ROOT / "notebooks" / "guide" / "real_networks.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)


def named_notebooks(name):
    page = (ROOT / "notebooks" / "guide" / name).read_text(encoding="utf-8").split("\n## ")[0]
    return set(re.findall(r"\((\.\./\w+\.ipynb)\)", page))


def value(number):
    return int(number) if number.isdigit() else NUMBERS.index(number.lower()) + 2


def counted(text):
    """What a text counts of the project: number and thing."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return list(COUNTED.finditer(text))


def test_a_count_is_noticed():
    assert [found.group(0) for found in counted("a cookbook: thirty things to do; 36 recipes, two long links")] == [
        "thirty things to do",
        "36 recipes",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_counts_is_derived(page):
    for found in counted(page.read_text(encoding="utf-8")):
        text = " ".join(found.group(0).split())
        assert (page.name, text) in TOLD, f"{page.name} says {text!r}: leave the number out, or derive it here"
        assert TOLD[page.name, text]() == value(found[1]), text


def test_notebooks_count_nothing_of_the_project_either():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        assert [found.group(0) for found in counted(text)] == [], path.name


def test_the_example_of_a_file_is_as_long_as_the_page_says():
    file = ROOT / "notebooks" / "networks" / "germany.toml"
    network, lines = ql.Network.load(file), len(file.read_text(encoding="utf-8").splitlines())
    told = f"{len(network.nodes)} nodes and {len(network.links)} spans in {lines} lines"
    assert told in (ROOT / "notebooks" / "guide" / "network_files.md").read_text(encoding="utf-8")


def test_pythons_that_were_tried_are_those_of_the_package():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    tried = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    for page in ("README.md", "notebooks/start.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        (told,) = re.findall(r"Python (3\.\d+), the core (?:and the demo )?with ((?:3\.\d+(?:, | and )?)+)", text)
        assert [told[0], *re.findall(r"3\.\d+", told[1])] == tried, page
        assert "Nobody tried macOS or Windows" in text


def code_of(notebook):
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def test_the_gallery_has_every_picture():
    code = code_of("gallery")
    names = [name for name in ql.visualization.__all__ if name.startswith("draw_")]
    assert len(names) >= 10
    assert [name for name in names if f"\n{name}(" not in code] == []
    for method in ("ql.draw(", "prepared.draw(", ".draw()", "monitor.plot(", "table.plot("):
        assert method in code, method


def test_every_circuit_is_drawn_in_the_zoo():
    """Or proven there: each builder is called by its name."""
    code = code_of("the_zoo_of_circuits")
    builders = [
        name
        for name in ql.circuits.__all__
        if inspect.isfunction(found := getattr(ql.circuits, name))
        and inspect.signature(found).return_annotation in ("QuantumCircuit", QuantumCircuit)
    ]
    assert len(builders) > 50
    assert [name for name in builders if not re.search(rf"\b{name}\b", code)] == []
