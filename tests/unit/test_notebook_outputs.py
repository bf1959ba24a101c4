"""The comparison of notebooks notices what is stale, and nothing else."""

import copy
import json
import re
from pathlib import Path

import pytest
from oracles.notebook_outputs import (
    VARIES,
    difference,
    differences,
    pictures_of_a_page_without_words,
    pictures_without_words,
    refusals_that_may_not_come,
    tidy,
)


def notebook(printed="a key of 246,007 bits\n", tags=(), html="<b>0.5</b>"):
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": printed[:5]},
        {"output_type": "stream", "name": "stdout", "text": printed[5:]},
        {"output_type": "stream", "name": "stderr", "text": "a warning"},
        {"output_type": "display_data", "data": {"image/png": "AAAA"}},
        {"output_type": "execute_result", "data": {"text/plain": "<object at 0x7f00deadbeef>", "text/html": html}},
    ]
    return {"cells": [{"cell_type": "code", "source": "key", "metadata": {"tags": list(tags)}, "outputs": outputs}]}


def test_the_same_is_the_same_whatever_the_pixels_addresses_and_pieces_are():
    other = copy.deepcopy(notebook())
    outputs = other["cells"][0]["outputs"]
    outputs[0]["text"], outputs[1]["text"], outputs[2]["text"] = "a key of 246,007", " bits\n", "another warning"
    outputs[3]["data"]["image/png"] = "BBBB"
    outputs[4]["data"]["text/plain"] = "<object at 0x7f00cafebabe>"
    assert differences(notebook(), other) == []


def test_a_widget_leaves_nothing_and_where_it_is_missing_nothing_is_missed():
    said, other = notebook(), notebook()
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1f"}, "text/plain": "interactive(hops=4)"}
    other["cells"][0]["outputs"].append({"output_type": "display_data", "data": widget})
    assert differences(said, other) == []
    assert len(tidy(other["cells"][0]["outputs"])) == len(tidy(said["cells"][0]["outputs"]))


@pytest.mark.parametrize(
    ("printed", "html"), [("a key of 267,530 bits\n", "<b>0.5</b>"), ("a key of 246,007 bits\n", "<b>0.51</b>")]
)
def test_a_stale_number_is_told(printed, html):
    (found,) = differences(notebook(), notebook(printed, html=html))
    assert "cell 0 (key)" in found
    assert differences(notebook(tags=[VARIES]), notebook(printed, html=html)) == []


def test_a_missing_output_is_told():
    silent = notebook()
    silent["cells"][0]["outputs"] = []
    assert differences(notebook(), silent)
    assert differences(silent, notebook())


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("0.123456789012", "0.123456789013", True),
        ("0.12345", "0.12346", False),
        ("F = −0.25", "F = 0.25", False),
        ("1e-6", "2e-6", False),
        ("1.0 and two", "1.0 and three", False),
        ("x  1", "x 1", True),  # widths of columns follow the digits
        ("12 bits", "12 bits\nand more", False),
        ("3,100 bits", "3100 bits", True),
        ("0.0", "1e-16", True),
    ],
)
def test_lines(before, after, same):
    assert (difference(before, after) is None) == same


def test_a_picture_needs_words():
    shown = notebook()
    assert "cell 0 (key)" in pictures_without_words(shown)[0]
    shown["cells"][0]["metadata"]["mystnb"] = {"image": {"alt": "a curve that falls"}}
    assert pictures_without_words(shown) == []


SOURCES = Path(__file__).parents[2]
PAGES = [SOURCES / "README.md", *sorted((SOURCES / "notebooks").rglob("*.md"))]


@pytest.mark.parametrize("kind", ["pages", "notebooks"])
def test_every_picture_of_the_site_has_words(kind):
    if kind == "pages":
        found = [
            f"{page.name}: {line}" for page in PAGES for line in pictures_of_a_page_without_words(page.read_text())
        ]
    else:
        files = sorted((SOURCES / "notebooks").rglob("*.ipynb"))
        assert len(files) > 10
        found = [f"{file.name}: {what}" for file in files for what in of_a_notebook(json.loads(file.read_bytes()))]
    assert found == []


def of_a_notebook(cells):
    """Shown by its cells, and in its text."""
    texts = ["".join(cell["source"]) for cell in cells["cells"] if cell["cell_type"] == "markdown"]
    return [*pictures_without_words(cells), *pictures_of_a_page_without_words("\n".join(texts))]


@pytest.mark.parametrize(
    ("page", "faults"),
    [
        ("![A chain of three](chain.png)", 0),
        ("![](chain.png) and ![ ](chain.png)", 2),
        ('<img src="a.png" alt="A chain">', 0),
        ('<img src="a.png">\n<img\n alt="" src="a.png">', 2),
        ("```{image} a.png\n:alt: A chain\n```", 0),
        (":::{figure} a.png\n:width: 3cm\n:::", 1),
        ("`![](not shown)`\n```md\n![](nor this)\n```", 0),
    ],
)
def test_pictures_of_pages_without_words_are_told(page, faults):
    assert len(pictures_of_a_page_without_words(page)) == faults


REFUSED = "%matplotlib inline\ntry:\n    key.bits\nexcept NoKey as why:\n    print(f'no: {why}')\n"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (REFUSED, ["key.bits"]),
        (REFUSED + "else:\n    print('a key')\n", ["key.bits"]),
        (REFUSED + "else:\n    raise AssertionError('it was not refused')\n", []),
        ("try:\n    import ipywidgets\nexcept ImportError:\n    print('without sliders')\n", []),
        (
            "for x in 'ab':\n    try:\n        f(x)\n    except ValueError as why:\n        print(x, why)\n",
            ["f(x)"],
        ),
    ],
)
def test_a_refusal_that_may_not_come_is_told(source, found):
    assert refusals_that_may_not_come(source) == found


def test_what_is_shown_as_refused_is_refused():
    found, shown = [], 0
    for file in sorted((SOURCES / "notebooks").rglob("*.ipynb")):
        cells = json.loads(file.read_bytes())["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        shown += sum("raise AssertionError" in source for source in sources)
        found += [f"{file.name}: {what}" for source in sources for what in refusals_that_may_not_come(source)]
    for page in PAGES:
        blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        found += [f"{page.name}: {what}" for block in blocks for what in refusals_that_may_not_come(block)]
    assert found == []
    assert shown >= 10


def test_every_tutorial_has_exercises_that_assert_and_says_where_to_go():
    found = []
    for file in sorted((SOURCES / "notebooks").glob("*.ipynb")):
        notebook = json.loads(file.read_bytes())
        if notebook["metadata"].get("kind", "tutorial") != "tutorial":
            continue
        texts = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
        words = [text for kind, text in texts if kind == "markdown"]
        at = [i for i, (kind, text) in enumerate(texts) if kind == "markdown" and "## Exercises" in text]
        if not at or not any("assert" in text for kind, text in texts[at[0] :] if kind == "code"):
            found.append(f"{file.name}: no exercise whose solution asserts its number")
        if not any(re.search(r"^(## .*)?Where to go (next|on)", text, re.MULTILINE) for text in words[-3:]):
            found.append(f"{file.name}: does not say where to go next")
    assert found == []
