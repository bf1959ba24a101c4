"""What users meet first shows in its docstring how it is used; doctest runs it."""

import importlib
import inspect

import pytest

ALL = "functions and classes"
FUNCTIONS = "functions"
ROOMS = {
    "quantumlink": ALL,
    "quantumlink.visualization": ALL,
    "quantumlink.qkd": FUNCTIONS,
    "quantumlink.network": FUNCTIONS,
    "quantumlink.encoding": FUNCTIONS,
    "quantumlink.testing": FUNCTIONS,
}
WITHOUT = {  # results, and what takes more than a few lines: the cookbook and notebooks show it
    "quantumlink.visualization": {"Animation"},
    "quantumlink.qkd": {"convene", "replay"},
    "quantumlink.network": {"satellite_keys", "serve_keys"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_have_an_example(room):
    module = importlib.import_module(room)
    public = {name: getattr(module, name) for name in module.__all__}
    shown = {
        name: each
        for name, each in public.items()
        if inspect.isfunction(each) or (inspect.isclass(each) and ROOMS[room] == ALL)
    }
    assert len(shown) > 5
    assert {name for name, each in shown.items() if ">>>" not in example_of(each)} == WITHOUT.get(room, set())


def example_of(each):
    texts = [each.__doc__ or ""]
    if inspect.isclass(each):
        texts += [
            member.__doc__ or "" for name, member in vars(each).items() if callable(member) and name[0] != "_"
        ]
    return "\n".join(texts)
