"""Adds up points: a test that passes brings those of its marker, and one that fails a line that says why."""

import pytest

MOST_CHARACTERS = 300
"""Of one reason."""


def pytest_configure(config):
    config.addinivalue_line("markers", "points(worth, asked): what a test brings, and what it asks for")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    marker = item.get_closest_marker("points")
    if marker is not None and call.when == "call":
        why = "" if call.excinfo is None else f"{call.excinfo.value}".replace("\n", " ")[:MOST_CHARACTERS]
        report.user_properties.append(("points", (*marker.args, why)))
    return report


def pytest_terminal_summary(terminalreporter):
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.stats.get(outcome, [])]
    graded = [
        (report.passed, *value)
        for report in sorted(reports, key=lambda report: report.location[1])
        for name, value in report.user_properties
        if name == "points" and report.when == "call"
    ]
    terminalreporter.section("points")
    for passed, worth, asked, why in graded:
        terminalreporter.write_line(f"{worth if passed else 0} of {worth}  {asked}" + (f": {why}" if why else ""))
    reached = sum(worth for passed, worth, *_ in graded if passed)
    terminalreporter.write_line(f"{reached} of {sum(worth for _, worth, *_ in graded)} points")
