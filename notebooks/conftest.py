"""``pytest notebooks`` runs every notebook and compares what it says with what is committed.

Text and numbers are compared, not pixels. A cell whose output depends on the machine or the hour has the tag
``varies``: it runs, and is not compared. ``--write-outputs`` writes what the run said into the notebook instead.
"""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "oracles"))
collect_ignore = ["site", "reference", "class"]
SECONDS_A_CELL = 1200


def pytest_addoption(parser):
    parser.addoption("--write-outputs", action="store_true", help="write the notebooks with their new outputs")


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".ipynb" and not parent.config.getoption("nbmake", False):
        return NotebookFile.from_parent(parent, path=file_path)
    return None


class NotebookFile(pytest.File):
    """A notebook, which is one test."""

    def collect(self):
        yield Notebook.from_parent(self, name="outputs")


class NotebookChanged(Exception):
    """A notebook says something else than what is committed."""


class Notebook(pytest.Item):
    """Runs in a kernel of its own, in the notebook's folder."""

    def runtest(self):
        import nbformat
        from nbclient import NotebookClient
        from notebook_outputs import differences, pictures_without_words, tidy

        committed = nbformat.read(self.path, as_version=4)
        run = nbformat.from_dict(committed)
        for cell in run.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        folder = {"metadata": {"path": str(self.path.parent)}}
        os.environ.pop("MPLBACKEND", None)  # the kernel's own, which shows figures
        NotebookClient(run, timeout=SECONDS_A_CELL, kernel_name="python3", resources=folder).execute()
        run.metadata.pop("widgets", None)  # their state, which ends with the kernel
        if self.config.getoption("--write-outputs"):
            for cell in run.cells:
                cell.metadata.pop("execution", None)  # when it ran
                if cell.cell_type == "code":
                    cell.outputs = tidy(cell.outputs)
            nbformat.write(run, self.path)
        elif found := [*differences(committed, run), *pictures_without_words(run)]:
            raise NotebookChanged("\n".join(found))

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, NotebookChanged):
            return f"{self.path.name} says something else than what is committed:\n{excinfo.value}"
        if type(excinfo.value).__module__.startswith("nbclient"):
            return str(excinfo.value)  # the cell, and what it raised
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, None, f"notebook {self.path.name}"
