"""The page as headless Chromium shows it: on a phone, on a desktop, in the dark, on paper."""

from __future__ import annotations

import base64
import json
import re
import shutil

import pytest

webdriver = pytest.importorskip(
    "selenium.webdriver", reason="selenium is not installed: it comes with the extra 'test'"
)

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
WIDTHS = (360, 768, 1280)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium with an empty profile; nothing is downloaded for it."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield found
    found.quit()


@pytest.fixture
def show(browser, report):
    """Load the page at a width, light or dark."""

    def load(width=1280, *, dark=False):
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
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
    pairs = browser.execute_script("""
        const behind = (e) => {
          for (; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor;
            if (!/, 0\\)$|transparent/.test(colour)) return colour;
          }
        };
        const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
        const rgb = (colour) => {
          canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
          return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
        };
        return [...document.querySelectorAll('h1, p, a, li, th, td, figcaption, strong, caption, summary, code')]
          .map((e) => [rgb(getComputedStyle(e).color), rgb(behind(e))]);
    """)
    assert len(pairs) > 500
    assert min(contrast(*pair) for pair in pairs) >= 4.5
    page = pairs[0][1]
    assert (luminance(page) < 0.1) == dark


def luminance(rgb: list[int]) -> float:
    """Relative luminance of WCAG 2.1."""
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: list[int], other: list[int]) -> float:
    """Contrast ratio of WCAG 2.1."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


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
