"""The table of a sweep: read-only columns, and how they are shown."""

import csv
import sys
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import numpy as np
import pytest

from quantumlink.estimation import Estimate
from quantumlink.sweeps import Table, sweep
from quantumlink.sweeps.table import column_of


@pytest.fixture(scope="module")
def here():
    with ThreadPoolExecutor(2) as here:
        yield here


@pytest.fixture
def table(here):
    return sweep(lambda x, y: {"z": x + y, "w": x * 1j}, {"x": [0, 1, 2], "y": [0.5, 1.5]}, executor=here)


def test_table_is_read_only_and_says_what_it_has(table):
    assert isinstance(table, Table)
    assert repr(table) == "<Table 6 rows: x, y → z, w>"
    with pytest.raises(ValueError, match="read-only"):
        table["z"][0] = 1
    with pytest.raises(AttributeError):
        table.columns = {}
    with pytest.raises(KeyError, match=r"the table has x, y, z, w; got 'zz'.*did you mean 'z'"):
        table["zz"]


def test_html_is_escaped_and_short(here):
    table = sweep(lambda name: 1 / 3, {"name": ["<b>"] + [str(i) for i in range(40)]}, executor=here)
    html = table._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    assert "0.333333" in html
    assert "21 more rows" in html
    assert html.count("<tr>") == 21


def test_to_pandas(table, monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["z"].tolist() == table["z"].tolist()
    frame.loc[0, "z"] = 7.0
    assert table["z"][0] == 0.5
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="to_pandas needs pandas"):
        table.to_pandas()


def test_plots(table, here):
    heat = table.plot()
    (mesh,) = heat.axes[0].collections
    assert np.array_equal(np.asarray(mesh.get_array()).reshape(2, 3), table["z"].reshape(3, 2).T)
    assert (heat.axes[0].get_xlabel(), heat.axes[0].get_ylabel(), heat.axes[1].get_ylabel()) == ("x", "y", "z")
    lines = table.plot(x="y").axes[0].lines
    assert [line.get_label() for line in lines] == ["x = 0", "x = 1", "x = 2"]
    assert [line.get_ydata().tolist() for line in lines] == [[0.5, 1.5], [1.5, 2.5], [2.5, 3.5]]
    assert len(table.plot(by="y").axes[0].lines) == 2
    with pytest.raises(ValueError, match="y must be a column of real numbers"):
        table.plot(y="w")
    with pytest.raises(KeyError):
        table.plot(y="q")
    with pytest.raises(ValueError, match="several rows have one x"):
        sweep(lambda x, k, m: x, {"x": [1], "k": [1, 2], "m": [1, 2]}, executor=here).plot(x="x", by="k")
    one = sweep(lambda s: {"v": Estimate(0.1, 0.2, 0.3)}, {"s": ["b", "a"]}, executor=here).plot().axes[0]
    assert len(one.collections) == 1
    assert [tick.get_text() for tick in one.get_xticklabels()] == ["b", "a"]
    with pytest.raises(ValueError, match="nothing to plot"):
        sweep(lambda x: 1, {"x": []}).plot()


def test_csv_has_every_digit(tmp_path):
    rows = [{"x": 0.1, "name": 'a,"b"', "y": 1 / 3}, {"x": 1e-300, "name": "ü", "y": float("inf")}]
    calls, found = [{key: row[key] for key in ("x", "name")} for row in rows], [{"y": row["y"]} for row in rows]
    table = Table.from_rows(print, ("x", "name"), calls, found)
    text = table.to_csv(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_bytes() == text.encode("utf-8")
    read = list(csv.DictReader(StringIO(text)))
    assert [(float(row["x"]), row["name"], float(row["y"])) for row in read] == [
        tuple(row.values()) for row in rows
    ]


def mixed():
    """A column of every kind."""
    columns = {
        "length_km": [1.0, 1 / 3],
        "clock_hz": [10**6, 5],
        "name": ["x, y", '"z"\n'],
        "works": [True, False],
        "amplitude": [1 + 2j, 3j],
        "bits": [2**80, 1],
        "rate_hz": [None, 2.5],
        "limit": [float("inf"), 1e-300],
    }
    return Table({name: column_of(values) for name, values in columns.items()}, ("length_km", "clock_hz"))


def same(one, other):
    assert list(one.columns) == list(other.columns)
    assert one.parameters == other.parameters
    for name, column in one.columns.items():
        assert column.tolist() == other[name].tolist()
        assert [type(value) for value in column.tolist()] == [type(value) for value in other[name].tolist()]
        assert column.dtype.kind == other[name].dtype.kind
    assert one.to_csv() == other.to_csv()


def test_csv_there_and_back(tmp_path):
    mixed().to_csv(tmp_path / "mixed.csv")
    same(mixed(), Table.from_csv(tmp_path / "mixed.csv", ["length_km", "clock_hz"]))
    assert Table.from_csv(tmp_path / "mixed.csv").parameters == ()


def test_pandas_there_and_back():
    pytest.importorskip("pandas")
    frame = mixed().to_pandas()
    same(mixed(), Table.from_pandas(frame))
    by_name = Table.from_pandas(frame.set_index("name"), parameters=["name"])
    assert next(iter(by_name.columns)) == "name"
    assert by_name.parameters == ("name",)
    assert Table.from_pandas(frame[["clock_hz", "works"]][1:])["works"].tolist() == [False]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1\n", "row 2 has 1 cells, where there are 2 names"),
        ("a,a\n1,2\n", "different names, got 'a' twice"),
        ("b,c\n1,2\n", "parameters must be one of"),
        ('a\n"1\n', "unexpected end of data"),
    ],
)
def test_csv_that_is_no_table(text, why, tmp_path):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ValueError, match=why):
        Table.from_csv(tmp_path / "x.csv", ["a"])


def test_csv_of_others(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("\ufeffkm,where\r\n10,1_000\r\n,Köln\r\n".encode())
    found = Table.from_csv(path)
    assert found["km"].tolist() == [10, None]
    assert found["where"].tolist() == ["1_000", "Köln"]
    path.write_text("")
    assert len(Table.from_csv(path)) == 0
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="'a' twice"):
        Table.from_pandas(pandas.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(TypeError, match="must be a pandas DataFrame, got dict"):
        Table.from_pandas({"a": [1]})
