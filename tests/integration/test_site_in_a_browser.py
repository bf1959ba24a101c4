"""Every page of the built site opens in a browser without complaint, by day and by night, wide and narrow.

It looks at a site that was built: ``make docs``, then ``QUANTUMLINK_SITE=build/site pytest`` this file.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

SITE = os.environ.get("QUANTUMLINK_SITE")
SCHEMES = ("light", "dark")
WIDTHS = (390, 1280)
MINIMAL_CONTRAST = 4.5  # WCAG 2.1, AA, for text


@pytest.fixture(scope="module")
def browser():
    if SITE is None:
        pytest.skip("QUANTUMLINK_SITE names no built site")
    playwright = pytest.importorskip("playwright.sync_api", reason="the site is tested with the package playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium is installed here")
    with playwright.sync_playwright() as engine:
        opened = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


def luminance(color):
    """The relative luminance of WCAG of ``rgb(r, g, b)``."""
    shares = [int(c) / 255 for c in re.findall(r"\d+", color)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def faults_of(view, scheme, width):
    """What is wrong with an open page at this width and by this light."""
    view.emulate_media(color_scheme=scheme)
    view.set_viewport_size({"width": width, "height": 900})
    paper, ink = view.eval_on_selector(
        "body", "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    )
    low, high = sorted([luminance(paper), luminance(ink)])
    if (luminance(paper) > 0.5) != (scheme == "light") or (high + 0.05) / (low + 0.05) < MINIMAL_CONTRAST:
        yield f"{ink} on {paper}"
    if view.evaluate("document.documentElement.scrollWidth") > width:
        yield "wider than its window"
    if view.evaluate("[...document.querySelectorAll('math')].some(e => e.getBoundingClientRect().height < 5)"):
        yield "a formula is not drawn"
    broken = "[...document.images].filter(e => e.complete && !e.naturalWidth).map(e => e.src)"
    yield from (f"{source} is no picture" for source in view.evaluate(broken))


def test_every_page_opens(browser):
    site = Path(SITE).resolve()
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    view = browser.new_page()
    said, asked, faults = [], [], []
    view.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("request", lambda request: asked.append(request.url))
    for path in pages:
        said.clear()
        view.goto(path.as_uri())
        found = {(scheme, width): list(faults_of(view, scheme, width)) for scheme in SCHEMES for width in WIDTHS}
        faults += [(str(path.relative_to(site)), *key, fault) for key, listed in found.items() for fault in listed]
        faults += [(str(path.relative_to(site)), text) for text in said]
    view.close()
    assert faults == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_the_search_finds(browser):
    view = browser.new_page()
    view.goto((Path(SITE).resolve() / "search.html").as_uri() + "?q=purification")
    view.wait_for_selector("#search-results li", timeout=20_000)
    view.close()
