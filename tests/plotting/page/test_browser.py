"""plan.html as headless Chromium shows it."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optllm_pymoo import AllocationProblem, Quota, SupportedFront, make_problem
from optllm_pymoo.decision import Knee, Plan, WithinBudget
from optllm_pymoo.decision.text import percent, usd
from optllm_pymoo.plotting import page
from optllm_pymoo.plotting.page import page_html
from tests.browser import contrast, luminance, set_screen, text_on_paper

Show = Callable[..., Any]
ODD = ["</script><script>alert(1)</script>", "نموذج", "通义千问", "x" * 80]
FOUND = "return [page.k, page.front.cost[page.k], page.front.accuracy[page.k]]"


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Show]:
    """Load a page at a width, light or dark; nothing may be left on the console."""

    def load(html: str, *, width: int = 1280, dark: bool = False, address: str = "") -> Any:
        path = tmp_path / "plan.html"
        path.write_text(html, encoding="utf-8")
        set_screen(browser, width, dark=dark)
        browser.get("about:blank")
        browser.get(path.as_uri() + address)
        browser.execute_async_script(
            "const done = arguments[0], look = () => (window.page ? done() : setTimeout(look, 5)); look();"
        )
        return browser

    browser.get_log("browser")
    yield load
    assert browser.get_log("browser") == []


def rows_of(browser: Any, table: str) -> list[list[str]]:
    """Read the cells of a table, but for bars."""
    return browser.execute_script(
        """
        const isText = (cell) => cell.className !== 'bar';
        const cells = (row) => [...row.cells].filter(isText).map((cell) => cell.textContent.replaceAll("\\u00a0", " "));
        return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map(cells);
        """,
        table,
    )


def boxes_of(browser: Any, selector: str) -> list[list[float]]:
    """Measure where elements are: left, top, right, bottom."""
    return browser.execute_script(
        """
        const box = (e) => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; };
        return [...document.querySelectorAll(arguments[0])].map(box);
        """,
        selector,
    )


def move(browser: Any, slider: str, place: int) -> None:
    """Move a slider as a hand does."""
    browser.execute_script(
        "const e = document.getElementById(arguments[0]); e.value = arguments[1]; e.dispatchEvent(new Event('input'));",
        slider,
        place,
    )


def expected_mix(front: SupportedFront, k: int, llms: tuple[str, ...]) -> list[list[str]]:
    """Write the rows of the mix from the front itself."""
    x = front.assignment(k)
    rows, n = np.arange(len(x)), np.bincount(x, minlength=len(llms))
    cost, correct = (np.bincount(x, t[rows, x], len(llms)) for t in (front.cost, front.accuracy))
    order = sorted(np.flatnonzero(n).tolist(), key=lambda j: (-n[j], j))
    return [[llms[j], f"{n[j]:,}", percent(n[j] / len(x)), usd(cost[j]), percent(correct[j] / n[j])] for j in order]


@pytest.mark.parametrize("kind", ["continuous", "tied", "hulls"])
def test_ten_places_of_the_slider(kind: str, show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cost, accuracy and mix are those of `SupportedFront` to the digits shown; with ties, and with hulls alone too."""
    problem = make_problem(397, 6, family="tied" if kind == "tied" else "continuous", random_state=3)
    if kind == "hulls":
        monkeypatch.setattr(page, "TABLE_CELLS", 0)
    front, browser = problem.supported_front, show(page_html(problem))
    assert browser.execute_script("return page.front.length") == len(front)
    for place in np.linspace(0, 1000, 10).round().astype(int).tolist():
        move(browser, "budget", place)
        k = browser.execute_script("return page.k")
        shown = browser.execute_script(
            "return [...document.querySelectorAll('output')].map((o) => o.textContent.replace(/\\s/g, ' '))"
        )
        assert shown[:2] == [f"{usd(front.F[k, 0])} US$", percent(-front.F[k, 1])]
        assert rows_of(browser, "mix") == expected_mix(front, k, problem.llms)


def test_numbers_are_written_as_in_the_report(show: Show) -> None:
    """Five significant digits of US$, halves to even; two decimals of a per cent."""
    browser, rng = show(page_html(make_problem(5, 2))), np.random.default_rng(0)
    amounts = [
        0.0,
        1.0,
        0.5,
        1.00005,
        100005.0,
        100015.0,
        0.0001234567,
        1234567.0,
        99999.6,
        -2.5,
        1e-9,
        1e12,
        0.1 + 0.2,
    ]
    amounts += [1e13, 1.5e-9, 123456789e9, -1e300]
    amounts += (10 ** rng.uniform(-14, 20, 300)).tolist()
    assert browser.execute_script("return arguments[0].map(usd)", amounts) == [usd(a) for a in amounts]
    shares = [0.0, 1.0, 0.5, 0.12125, 0.00375, 0.99995, *rng.random(300).tolist()]
    assert browser.execute_script("return arguments[0].map(percent)", shares) == [
        percent(s).replace(" ", "\u00a0") for s in shares
    ]


def test_long_names_in_the_picture(show: Show) -> None:
    """A name loses its maker first, then its middle; never a letter that takes two of UTF-16."""
    browser = show(page_html(make_problem(5, 2)))
    names = ["maker/model-7-instruct", "short", "x" * 30, "🙂" * 30, "maker/"]
    expected = ["model-7-instruct", "short", "x" * 10 + "…" + "x" * 9, "🙂" * 10 + "…" + "🙂" * 9, "maker/"]
    assert browser.execute_script("return arguments[0].map((name) => shortened(name, 20))", names) == expected


def test_sliders_are_coupled(show: Show) -> None:
    """Whichever slider is moved, all three and the text speak of one plan, which is the front's own answer."""
    problem = make_problem(300, 5, random_state=1)
    front, browser = problem.supported_front, show(page_html(problem))
    span = -front.F[[0, -1], 1]
    move(browser, "accuracy", 400)
    wanted = span[0] + 0.4 * (span[1] - span[0])
    assert browser.execute_script("return page.k") == front.at_least_accuracy(wanted)
    move(browser, "rate", 500)
    prices = front.steps.delta_cost / front.steps.delta_accuracy
    highest = math.sqrt(prices.min() * prices.max())
    k = browser.execute_script("return page.k")
    assert k == np.count_nonzero(prices <= highest)
    places = browser.execute_script(
        "return ['budget', 'accuracy'].map((id) => page.scales[id].value(document.getElementById(id).value / 1000))"
    )
    np.testing.assert_allclose(places, np.abs(front.F[k]), rtol=0.01)
    said = browser.execute_script(
        "return [...document.querySelectorAll('input[type=range]')].map((i) => i.ariaValueText.replace(/\\s/g, ' '))"
    )
    assert said == [f"{usd(front.F[k, 0])} US$", percent(-front.F[k, 1]), f"{usd(prices[k - 1])} US$"]


def test_keyboard(show: Show) -> None:
    """Every slider is reached by the tab key and moved by arrows; End and Home lead to both ends of the front."""
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    problem = make_problem(100, 4)
    browser = show(page_html(problem))
    browser.switch_to.active_element.send_keys(keys.TAB)
    slider = browser.switch_to.active_element
    assert slider.get_attribute("id") == "budget"
    before = browser.execute_script("return page.k")
    slider.send_keys(*[keys.ARROW_RIGHT] * 30)
    assert browser.execute_script("return page.k") > before
    slider.send_keys(keys.END)
    assert browser.execute_script("return page.k") == len(problem.supported_front) - 1
    slider.send_keys(keys.HOME)
    assert browser.execute_script("return page.k") == 0
    assert browser.execute_script("return [...document.querySelectorAll('input')].every((i) => i.labels.length === 1)")


def test_the_chosen_plan_is_where_the_page_opens(show: Show) -> None:
    """It opens at the plan, with its interval as the plan tells it; a button leads back."""
    problem = make_problem(200, 5)
    plan = WithinBudget(0.3 * problem.supported_front.F[-1, 0]).plan(problem)
    browser = show(page_html(problem, plan=plan))
    low, high = plan.interval()
    facts = browser.execute_script("return document.getElementById('facts').textContent.replace(/\\s/g, ' ')")
    assert (
        f"{usd(plan.cost_usd)} US$, {percent(plan.accuracy)}, 95 % interval {percent(low)} to {percent(high)}" in facts
    )
    here = browser.execute_script(FOUND)
    np.testing.assert_allclose(here[1:], [plan.cost_usd, plan.accuracy], rtol=1e-6)
    move(browser, "budget", 1000)
    browser.find_element("id", "chosen").click()
    assert browser.execute_script(FOUND) == here


def test_what_the_plan_expects_too_much_is_told(show: Show) -> None:
    """Where the predictions of chosen LLMs are known to be too high, both numbers are there, as in the report."""
    problem = make_problem(200, 5)
    plan = Plan(problem, problem.supported_front.assignment(40), excess=(0.05, 0.01))
    facts = show(page_html(problem, plan=plan)).execute_script("return document.getElementById('facts').textContent")
    told = f"{percent(plan.accuracy)} by the predictions, {percent(plan.accuracy - 0.05)} corrected for overrated"
    assert told in facts.replace("\u00a0", " ")


def test_csv_is_the_plan_at_the_slider(show: Show) -> None:
    """A row per query with its LLM, cost and accuracy; ids with commas, quotes and line breaks come back."""
    problem = make_problem(60, 4)
    ids = [f'a,"{k}"\n' if k % 2 else f"q{k}" for k in range(60)]
    named = AllocationProblem(problem.cost, problem.accuracy, llms=ODD, query_ids=ids)
    browser = show(page_html(named))
    move(browser, "budget", 600)
    k = browser.execute_script("return page.k")
    header, *rows = csv.reader(io.StringIO(browser.execute_script("return page.csv()")))
    x = named.supported_front.assignment(k)
    assert header == ["query_id", "llm", "cost_usd", "accuracy"]
    assert [row[:2] for row in rows] == [[ids[i], ODD[x[i]]] for i in range(60)]
    chosen = np.array([row[2:] for row in rows], dtype=float)
    np.testing.assert_allclose(chosen[:, 0], problem.cost[np.arange(60), x], rtol=1e-6)
    np.testing.assert_allclose(chosen[:, 1], problem.accuracy[np.arange(60), x], atol=1e-6)


def test_upgrades_are_the_next_steps(show: Show) -> None:
    """Ten rows, in the order of the front, with what each costs, gains, and asks per correct answer."""
    problem = make_problem(80, 5)
    front, browser = problem.supported_front, show(page_html(problem))
    move(browser, "budget", 300)
    k, steps = browser.execute_script("return page.k"), front.steps
    rows = rows_of(browser, "upgrades")
    assert len(rows) == 10
    for s, row in enumerate(rows, k):
        gain, cost = steps.delta_accuracy[s], steps.delta_cost[s]
        query, *llms = front.step(s)
        assert row[:3] == [str(query), *(problem.llms[j] for j in llms)]
        np.testing.assert_allclose([float(row[3]), float(row[5])], [cost, cost / gain], rtol=1e-3)
        assert row[4] == percent(gain)


def test_groups(show: Show) -> None:
    """Queries, US$ and accuracy of each group at the slider; queries of no group are in none."""
    problem = make_problem(90, 4)
    groups = ["<b>law</b>", "maths", None] * 30
    front, browser = problem.supported_front, show(page_html(problem, groups=groups))
    move(browser, "accuracy", 700)
    x, rows = front.assignment(browser.execute_script("return page.k")), np.arange(90)
    shown = rows_of(browser, "groups")
    for first, (name, n, cost, accuracy) in enumerate(shown):
        mine = rows[first::3]
        expected = usd(problem.cost[mine, x[mine]].sum()), percent(problem.accuracy[mine, x[mine]].mean())
        assert (name, n, cost, accuracy) == (groups[first], "30", *expected)


def test_a_factor_on_a_price(show: Show) -> None:
    """The front is that of a batch with those prices, and goes back with them; the dot of the LLM moves too."""
    problem = make_problem(200, 5)
    factors = np.array([1, 1, 0.25, 1, 3.0])
    browser = show(page_html(problem, plan=Knee().plan(problem)))
    before = browser.execute_script("return [page.front.length, page.front.cost.at(-1)]")
    for llm in (2, 4):
        box = browser.find_elements("css selector", "#prices input")[llm]
        browser.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))", box, str(factors[llm])
        )
    front = SupportedFront(problem.cost * factors, problem.accuracy)
    assert browser.execute_script("return page.front.length") == len(front)
    for place in (0, 250, 500, 1000):
        move(browser, "budget", place)
        k = browser.execute_script("return page.k")
        assert rows_of(browser, "mix") == expected_mix(front, k, problem.llms)
    singles = browser.execute_script("return page.singles().map((s) => s.cost)")
    np.testing.assert_allclose(singles, (problem.cost * factors).sum(axis=0))
    browser.find_element("id", "reset").click()
    assert browser.execute_script("return [page.front.length, page.front.cost.at(-1)]") == before


def test_the_address_holds_what_one_sees(show: Show) -> None:
    """A link opens at the same plan under the same prices; nonsense in it changes nothing."""
    html = page_html(make_problem(150, 4))
    browser = show(html)
    move(browser, "budget", 333)
    browser.execute_script("page.reprice([1, 0.5, 1, 1]); page.settle({budget: '', accuracy: ''})")
    here, address = browser.execute_script(FOUND), browser.execute_script("return location.hash")
    assert browser.execute_script("return page.factors") == [1, 0.5, 1, 1]
    other = show(html, address=address)
    assert other.execute_script(FOUND) == here
    assert other.execute_script("return page.factors") == [1, 0.5, 1, 1]
    assert "prices=1:0.5" in address
    opened = show(html).execute_script(FOUND)
    assert show(html, address="#budget=x&prices=9:2,1:-1,a:b,2:Infinity").execute_script(FOUND) == opened


def test_nothing_is_asked_of_the_network(show: Show, tmp_path: Path) -> None:
    """Nothing but the file itself is loaded, whatever is in the names; names are text."""
    problem = make_problem(40, 4)
    named = AllocationProblem(
        problem.cost, problem.accuracy, llms=ODD, query_ids=[f"<img src=x>{k}" for k in range(40)]
    )
    html = page_html(named, plan=Knee().plan(named), groups=["<u>", "שלום"] * 20)
    browser = show(html)
    browser.get_log("performance")
    show(html)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert asked <= {"about:blank", (tmp_path / "plan.html").as_uri()}
    assert browser.execute_script("return document.querySelectorAll('img, u, main script').length") == 0
    assert set(
        browser.execute_script("return [...document.querySelectorAll('#prices bdi')].map((b) => b.textContent)")
    ) == set(ODD)


@pytest.mark.parametrize("width", [375, 768, 1440])
@pytest.mark.parametrize("n_llms", [3, 12, 49])
def test_nothing_overlaps(show: Show, width: int, n_llms: int) -> None:
    """At any width nothing sticks out sideways; in the picture no name covers another, and all lie inside."""
    problem = make_problem(150, n_llms)
    named = AllocationProblem(
        problem.cost, problem.accuracy, llms=[f"provider/model-{j}-instruct" for j in range(n_llms)]
    )
    browser = show(page_html(named, plan=Knee().plan(named), groups=["a group", "another"] * 75), width=width)
    needed, there = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert needed <= there
    boxes, (frame,) = boxes_of(browser, "svg text"), boxes_of(browser, "svg")
    assert len(boxes) > 8
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert frame[0] - 1 <= left < right <= frame[2] + 1
        assert frame[1] - 1 <= top < bottom <= frame[3] + 1
        for other in boxes[:i]:
            apart = right <= other[0] + 1 or left >= other[2] - 1 or bottom <= other[1] + 2 or top >= other[3] - 2
            assert apart, (boxes[i], other)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_contrast(show: Show, dark: bool) -> None:
    """All text stands out from what is behind it by 4.5 : 1 (WCAG 2.1, 1.4.3), also in the dark."""
    problem = make_problem(60, 4)
    browser = show(page_html(problem, plan=Knee().plan(problem)), dark=dark)
    pairs = text_on_paper(browser, "h1, h2, p, th, td, dt, dd, label, output, figcaption, button:enabled, summary")
    assert len(pairs) > 60
    assert min(contrast(*pair) for pair in pairs) >= 4.5
    assert (luminance(pairs[0][1]) < 0.1) == dark


def test_print(show: Show) -> None:
    """On paper, A4, there are the picture and the tables, without sliders and buttons, dark on light."""
    problem = make_problem(60, 12)
    browser = show(page_html(problem), dark=True)
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    box = re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", pdf)
    assert box is not None
    assert [round(float(side)) for side in box.groups()] == [595, 842]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = [
        browser.execute_script("return document.getElementById(arguments[0]).getClientRects().length > 0", name)
        for name in ("sliders", "csv", "prices", "picture", "mix", "facts")
    ]
    assert shown == [False, False, False, True, True, True]
    assert luminance(text_on_paper(browser, "body")[0][1]) == 1


def test_a_batch_too_large_for_every_step(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points of the exact front with the plan's among them, and a note; mix and groups as the front has them."""
    monkeypatch.setattr(page, "MAX_QUERIES", 100)
    monkeypatch.setattr(page, "MAX_POINTS", 40)
    problem = make_problem(200, 5)
    front, plan = problem.supported_front, Knee().plan(problem)
    browser = show(page_html(problem, plan=plan, groups=["a", None] * 100))
    assert "too large for every step" in browser.find_element("id", "note").text
    assert not browser.find_element("id", "csv").is_displayed()
    assert browser.execute_script(FOUND)[1] == pytest.approx(plan.cost_usd)
    move(browser, "accuracy", 600)
    k = front.within_budget(browser.execute_script(FOUND)[1])
    assert rows_of(browser, "mix") == expected_mix(front, k, problem.llms)
    x, mine = front.assignment(k), np.arange(0, 200, 2)
    (cells,) = rows_of(browser, "groups")
    assert cells[1:] == ["100", usd(problem.cost[mine, x[mine]].sum()), percent(problem.accuracy[mine, x[mine]].mean())]


def test_plans_of_a_search(show: Show) -> None:
    """Within a quota the plans found are dots below the bound, and each says what it costs and reaches."""
    from pymoo.optimize import minimize

    from optllm_pymoo import OptLLM

    free = make_problem(60, 4)
    problem = AllocationProblem(free.cost, free.accuracy, limits=[Quota("llm3", calls=5)])
    found = minimize(problem, OptLLM(n_grid=8), seed=1)
    browser = show(page_html(problem, found=found))
    assert "A search found these" in browser.find_element("id", "note").text
    dots = browser.execute_script("return document.querySelectorAll('svg .found').length")
    assert dots == browser.execute_script("return page.front.length")
    move(browser, "budget", 1000)
    k, cost, accuracy = browser.execute_script(FOUND)
    assert (k, cost, accuracy) == (dots - 1, found.F[:, 0].max(), -found.F[:, 1].min())


def test_the_smallest_batches(show: Show) -> None:
    """One query, one LLM, free LLMs: one point, and sliders that don't move."""
    browser = show(page_html(AllocationProblem([[0.0]], [[1.0]])))
    assert browser.execute_script(FOUND) == [0, 0, 1]
    assert browser.execute_script("return [...document.querySelectorAll('#sliders input')].every((i) => i.disabled)")


def test_fast_enough_to_slide(show: Show) -> None:
    """At 30,000 queries and 12 LLMs the median move takes 50 ms at most, with all that is laid out again."""
    browser = show(page_html(make_problem(30_000, 12)))
    times = browser.execute_script(
        """
        return [...Array(21).keys()].map((k) => {
          const slider = document.getElementById('budget'), start = performance.now();
          slider.value = 50 * k; slider.dispatchEvent(new Event('input')); document.body.offsetHeight;
          return performance.now() - start;
        });
        """
    )
    assert np.median(times) <= 50
