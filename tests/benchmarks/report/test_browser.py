"""The page as headless Chromium shows it: on a phone, on a desktop, in the dark, on paper."""

from __future__ import annotations

import base64
import json
import re

import pytest

from tests.browser import contrast, luminance, set_screen, text_on_paper

WIDTHS = (360, 768, 1280)


@pytest.fixture
def show(browser, report):
    """Load the page at a width, light or dark."""

    def load(width=1280, *, dark=False):
        set_screen(browser, width, dark=dark)
        browser.get((report / "report.html").as_uri())
        return browser

    return load


def test_nothing_but_the_file_is_loaded(show, report):
    """No message on the console, no alert from a data set's name, and no request but for the page and its data."""
    browser = show()
    browser.get_log("performance")
    browser = show()
    assert browser.get_log("browser") == []
    assert browser.title.startswith("The fair comparison on <script>")
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert (report / "report.html").as_uri() in asked
    assert [url for url in asked if not url.startswith("data:")] == [(report / "report.html").as_uri()]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_never_scrolls_sideways(show, width):
    """Wide tables scroll in their own boxes, with details folded and unfolded."""
    browser = show(width)
    for unfold in (False, True):
        browser.execute_script(
            "document.querySelectorAll('details').forEach((d) => { d.open = arguments[0]; })", unfold
        )
        needed, there = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert there == width
        assert needed <= width
    scrolled = browser.execute_script(
        "return [...document.querySelectorAll('.table')].map((t) => t.scrollWidth - t.clientWidth)"
    )
    assert scrolled[0] > 0


@pytest.mark.parametrize("width", WIDTHS)
def test_the_first_column_stays(show, width):
    """Scrolled to its right end, a wide table still shows the names, and leaves room for the numbers."""
    browser = show(width)
    left, right, box = browser.execute_script("""
        const table = document.querySelector('.table'); table.scrollLeft = 1e6;
        const name = table.querySelector('tbody th').getBoundingClientRect(), box = table.getBoundingClientRect();
        return [name.left - box.left, name.right - box.left, box.width];
    """)
    assert 0 <= left <= 2
    assert right < 0.6 * box


@pytest.mark.parametrize("width", WIDTHS)
def test_it_can_be_read(show, width):
    """Letters of tables and text are 12 px at least, and every picture is there and fills its card."""
    browser = show(width)
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('th, td, p, li, figcaption, code')]"
        ".map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 12
    pictures = browser.execute_script(
        "return [...document.images].map((i) => [i.complete, i.naturalWidth, i.getBoundingClientRect().width])"
    )
    assert len(pictures) == 7
    assert all(complete and natural > 0 and shown > min(300, 0.8 * width) for complete, natural, shown in pictures)


def test_contents_lead_somewhere(show):
    """Every link of the contents moves its heading to the top of the window."""
    browser = show()
    missing = browser.execute_script(
        "return [...document.querySelectorAll('a[href^=\"#\"]')]"
        ".filter((a) => !document.getElementById(a.hash.slice(1))).length"
    )
    assert missing == 0
    place = browser.execute_script("""
        document.documentElement.style.scrollBehavior = 'auto';
        document.querySelector('#contents li:nth-child(3) a').click();
        return document.getElementById(location.hash.slice(1)).getBoundingClientRect().top;
    """)
    assert 0 <= place < 100


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_contrast(show, dark):
    """Text, links, captions and cells stand out from what is behind them by 4.5 : 1 (WCAG 2.1, 1.4.3)."""
    browser = show(dark=dark)
    pairs = text_on_paper(browser, "h1, p, a, li, th, td, figcaption, strong, caption, summary, code")
    assert len(pairs) > 500
    assert min(contrast(*pair) for pair in pairs) >= 4.5
    page = pairs[0][1]
    assert (luminance(page) < 0.1) == dark


def test_print(show):
    """It prints on A4; what is folded away on the screen is unfolded before, and folded again after."""
    browser = show()
    browser.execute_script(
        "addEventListener('beforeprint', () => {"
        " window.unfolded = [...document.querySelectorAll('details')].every((d) => d.open); })"
    )
    options = {"preferCSSPageSize": True, "printBackground": True}
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", options)["data"])
    pages = re.findall(rb"/Type\s*/Page\b(?!s)", pdf)
    assert len(pages) >= 3
    box = re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", pdf)
    assert [round(float(side)) for side in box.groups()] == [595, 842]
    assert browser.execute_script("return [window.unfolded, document.querySelector('details').open]") == [True, False]


def test_tables_fit_on_paper(show):
    """In the style for print no table is wider than the 182 mm between the margins, and none scrolls."""
    browser = show(688)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    widths = browser.execute_script("return [...document.querySelectorAll('table')].map((t) => t.offsetWidth)")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert max(widths) <= 688


def test_a_table_that_goes_on_to_the_right_says_so(show):
    """On a phone the wide table does until it is scrolled to its end; one that fits never does."""
    browser = show(360)
    state = "const box = document.querySelector('.table'); return box.classList.contains('more')"
    assert browser.execute_script(state) is True
    browser.execute_async_script(
        "const done = arguments[0], box = document.querySelector('.table');"
        "box.addEventListener('scroll', () => setTimeout(done, 0)); box.scrollLeft = box.scrollWidth"
    )
    assert browser.execute_script(state) is False
    fits = "return [...document.querySelectorAll('.table')].filter((b) => b.scrollWidth <= b.clientWidth)"
    assert not any("more" in (box.get_attribute("class") or "").split() for box in show(1280).execute_script(fits))


def test_highlighted_rows_stay_highlighted(show):
    """Also as every second row of a table, which has a band of its own."""
    browser = show()
    colours = browser.execute_script(
        "const rows = [...document.querySelectorAll('tbody tr')];"
        "rows[1].innerHTML = rows[0].innerHTML;"
        "return rows.slice(0, 4).map((row) => getComputedStyle(row.children[1]).backgroundColor)"
    )
    assert colours[0] == colours[1]
    assert colours[3] != colours[1]
