"""`published`: the paper's protocol, as far as the data allow, with the paper's tables and numbers beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import Source
from benchmarks.cells.split import Setting, Split
from benchmarks.report.document import Column, Document, Section, TableBlock, Text, bullets
from benchmarks.report.fronts import fronts_section
from benchmarks.report.measured import Measured, datasets_in, measured, numbers_of, with_sd
from benchmarks.report.quality import quality_section, saving_sentences
from benchmarks.report.realised import realised_section, savings_block
from benchmarks.report.setup import whole_document
from benchmarks.report.significance import METHOD, Comparison
from benchmarks.report.text import code, explained
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.suites import base
from benchmarks.suites.base import Options, Suite
from benchmarks.suites.paper import NAMES, SAME_DATA, printed
from optllm_pymoo.data import Dataset

# Population 100, 100 generations.
EVALUATIONS = 10_000

SPLITS = 10

N_GRID = 50

# The downward walk uses robust accuracies.
ALPHA = 1.0

# 1 % to train on and 1 % to validate with.
LABELS = 0.02

OPTLLM = "optllm:walks"

# Accuracies that differ by less are equal up to rounding.
SLACK = 1e-9

NEVER = "never reached"
REACHING = "Mean ± standard deviation over the splits in which some plan reaches the best single LLM's true accuracy."

SAVING_COLUMNS = (
    Column("data", "", "data"),
    Column("who", "", "whose numbers"),
    Column("best_llm", "code", "best LLM"),
    Column("accuracy", ".4f", "accuracy"),
    Column("best_cost_usd", ".4g", "its cost, US$"),
    Column("optllm_cost_usd", ".4g", "OptLLM's cost, US$"),
    Column("saving", "", "saving"),
    Column("reached", "", "splits that reach it"),
)


class Published(Suite):
    """Does the paper's comparison have the result that the paper reports?"""

    name = "published"
    what = "the paper's comparison, as far as the data allow"
    uses = ("data", "algorithms", "splits", "evaluations")

    def plan(self, options: Options, /) -> Plan:
        """List OptLLM and the paper's baselines on the paper's splits."""
        sources = base.sources_of(options)
        chosen = base.wanted(options, (OPTLLM, *base.PUBLISHED, *base.PYGMO))
        how = self.protocol(options.splits or SPLITS)
        found = self.cells(sources, chosen.algorithms, how, options.evaluations or EVALUATIONS)
        return base.plan_of_searches({"published": found}, sources, chosen.notes)

    @staticmethod
    def protocol(splits: int, /) -> base.Protocol:
        """Return the paper's protocol of prediction: its predictor, rows drawn at random."""
        return base.Protocol("published", LABELS, Split.random.value, splits)

    @staticmethod
    def cells(
        sources: Sequence[Source], algorithms: Sequence[str], how: base.Protocol, evaluations: int, /
    ) -> Iterator[SearchCell]:
        """Yield OptLLM as published, until it ends by itself, and the baselines."""
        limit = Limit(evaluations=evaluations)
        for source in sources:
            yield from base.searches(how.settings(source), algorithms, limit, n_grid=N_GRID, alpha=ALPHA)

    def report(self, results: Results, plan: Plan, /) -> Document:
        """Report the paper's tables, then which differences are more than chance."""
        found = measured(results, plan, "published")
        summary = self.headlines(found)
        return whole_document("The paper's comparison", summary, results, plan, self.sections(found, plan))

    @staticmethod
    def headlines(found: Measured, /) -> list[str]:
        """Summarise the saving of OptLLM and of others under the paper's protocol."""
        summary = saving_sentences(found.frame, OPTLLM)
        return [f"With the paper's predictor, {sentence[0].lower()}{sentence[1:]}" for sentence in summary]

    def sections(self, found: Measured, plan: Plan, /) -> list[Section]:
        """Compose the sections; savings and mean ranks are drawn at the top."""
        frame = found.frame
        compared = [Comparison(frame, "hypervolume_ratio", "Search quality", OPTLLM)]
        if frame["area"].notna().any():
            compared.append(Comparison(frame[frame["area"].notna()], "area", "Realised area", OPTLLM))
        pictures = [block for k, each in enumerate(compared) for block in each.figure(f"ranks-published-{k + 1}")]
        llms = {name: read().llms for name, read in plan.datasets.items()}
        return [
            Section("At a glance", [*savings_block(frame, "savings-published"), *pictures]),
            self.differences_section(found.results, plan, "published"),
            *Tables(found, llms).sections(),
            fronts_section(found, plan),
            quality_section(frame, OPTLLM),
            realised_section(found, OPTLLM),
            Section("More than chance?", [Text(METHOD), *(each.section() for each in compared)]),
        ]

    @staticmethod
    def differences_section(results: Results, plan: Plan, part: str, /) -> Section:
        """List what differs between the paper's experiment and this run, for all data sets and for each."""
        cells = [cell for cell in plan.parts.get(part, ()) if isinstance(cell, SearchCell)]
        settings = list(dict.fromkeys(cell.setting for cell in cells))
        summary = []
        for name in dict.fromkeys(setting.data for setting in settings):
            dataset = plan.datasets[name]()
            size = f"{len(dataset.cost):,} queries, {dataset.cost.shape[1]} LLMs"
            dearest = f"the dearest for {dataset.cost.sum(axis=0).max():.4g} US$"
            theirs = f"the paper's {SAME_DATA.get(name)}, from another copy"
            same = theirs if name in SAME_DATA else "not one of the paper's data sets"
            leak = Published.leak_sentence(dataset, [setting for setting in settings if setting.data == name])
            summary.append(f"{code(name)}: {same}; {size}, {dearest}.{leak}")
        if not summary:
            return Section("What differs from the paper", [Text(explained("differences"))])
        n_splits = len({setting.split for setting in settings})
        limits = sorted({cell.limit.evaluations for cell in cells if cell.limit.evaluations is not None})
        if n_splits != SPLITS:
            summary.append(f"{n_splits} split{'s' * (n_splits != 1)} of each data set, not {SPLITS}.")
        if limits and limits != [EVALUATIONS]:
            summary.append(f"Searches have {' or '.join(f'{n:,}' for n in limits)} evaluations, not {EVALUATIONS:,}.")
        if any(setting.predictor == "published-10" for setting in settings):
            summary.append("The predictor has 10 bootstraps, not 100.")
        if len(features := results.frame("features")):
            counts = " or ".join(str(n) for n in sorted({int(n) for n in features["n_features"]}))
            summary.append(
                f"Features of texts are this package's ({counts} numbers), not fastText's mean word vectors of 300."
            )
        return Section(
            "What differs from the paper", [Text(f"{bullets(summary).markdown}\n{explained('differences')}")]
        )

    @staticmethod
    def leak_sentence(dataset: Dataset, settings: Iterable[Setting], /) -> str:
        """Return a sentence with the share of planned queries that repeat the text of a labelled one."""
        shares = []
        for setting in settings:
            # a single query can't be split; its cells fail with an error
            if not setting.is_known and len(dataset) > 1:
                labelled, texts = setting.labelled(dataset), np.asarray(dataset.texts, dtype=object)
                seen = set(texts[labelled])
                shares.append(np.mean([text in seen for text in texts[~labelled]]))
        if not shares or np.max(shares) == 0:
            return ""
        return (
            f" Rows are drawn at random as in the paper, so {np.mean(shares):.1%} of the planned queries repeat the"
            " text of a labelled one, whose outcome the predictor has learned."
        )


SUITE = Published()


class Tables:
    """The paper's four tables.

    Args:
        found: Searches, including OptLLM's.
        llms: Names of the LLMs by data set.
    """

    def __init__(self, found: Measured, llms: Mapping[str, Sequence[str]], /) -> None:
        self._found, self._llms = found, llms

    def sections(self) -> list[Section]:
        """Return a section for each table."""
        return [self.savings(), self.highest_accuracy(), self.cost(), self.igd()]

    def savings(self) -> Section:
        """Report OptLLM's saving at the best single LLM's accuracy."""
        frame = self._found.frame
        ours = frame[(frame["algorithm"] == OPTLLM) & frame["area"].notna()]
        title = "Saving at the best single LLM's accuracy"
        if ours.empty:
            return Section(title, [Text("OptLLM has no realised plans here.")])
        rows = [row for data in datasets_in(ours) for row in self._saving_rows(data, ours[ours["data"] == data])]
        caption = "OptLLM's saving at the best single LLM's accuracy."
        return Section(title, [Text(REACHING), TableBlock(pd.DataFrame(rows), SAVING_COLUMNS, caption, n_left=3)])

    def _saving_rows(self, data: str, rows: pd.DataFrame) -> list[dict[str, object]]:
        """Return our row, and the paper's if it has the data set."""
        saving = numbers_of(rows["saving"].astype(float))
        if saving.n:
            # both costs from the same splits, so that they can be compared
            rows = rows[rows["saving"].notna()]
        numbers = rows[["saving", "best_cost_usd", "best_accuracy"]].astype(float)
        ours = {
            "data": data,
            "who": "ours",
            "best_llm": self._llms[data][rows["best_llm"].astype(int).mode().iloc[0]],
            "accuracy": numbers["best_accuracy"].mean(),
            "best_cost_usd": numbers["best_cost_usd"].mean(),
            "optllm_cost_usd": ((1 - numbers["saving"]) * numbers["best_cost_usd"]).mean(),
            "saving": with_sd(saving, ".2%") or NEVER,
            "reached": f"{saving.n} of {saving.of}",
        }
        theirs = printed("saving")
        if SAME_DATA.get(data) not in theirs.index.get_level_values("data"):
            return [ours]
        row = theirs.loc[SAME_DATA[data], "OptLLM"].to_dict()
        return [ours, {"data": data, "who": "the paper's", **row, "saving": f"{row['saving']:.2%}", "reached": None}]

    def highest_accuracy(self) -> Section:
        """Report the highest true accuracy of each algorithm's plans, per data set."""
        frame = self._found.frame[self._found.frame["highest_accuracy"].notna()]
        title = "Highest accuracy found"
        if frame.empty:
            return Section(title, [Text("Nothing is realised here.")])
        ours = {
            pair: with_sd(numbers_of(runs["highest_accuracy"].astype(float)), ".3f")
            for pair, runs in frame.groupby(["data", "algorithm"], sort=False)
        }
        theirs = {pair: f"{value:.2f}" for pair, value in printed("highest accuracy")["value"].items()}
        caption = "Highest true accuracy of any plan, means ± standard deviations over splits."
        return Section(title, [_side_by_side(frame, ours, theirs, caption)])

    def cost(self) -> Section:
        """Report how much less OptLLM costs at each baseline's best accuracy."""
        frame = self.cost_savings()
        title = "Cost of OptLLM at each baseline's best accuracy: saving"
        if frame.empty:
            nothing = "OptLLM and a baseline were not both realised, so there is nothing to compare."
            return Section(title, [Text(nothing)])
        cells = {}
        for pair, runs in frame.groupby(["data", "algorithm"], sort=False):
            numbers = numbers_of(runs["saving"])
            count = "" if numbers.n == numbers.of else f" ({numbers.n} of {numbers.of})"
            cells[pair] = f"{with_sd(numbers, '.1%') or NEVER}{count}"
        n_never = int(frame["saving"].isna().sum())
        never = f"OptLLM has one in all {len(frame)} comparisons."
        if n_never:
            never = (
                f"In {n_never} of {len(frame)} comparisons OptLLM has none; these are not in the means, and “k of n”"
                " says how many are."
            )
        summary = (
            "Compared are the cheapest plan with which the baseline has its highest true accuracy, and OptLLM's"
            f" cheapest plan of at least that true accuracy; negative numbers say that OptLLM's is dearer. {never}"
        )
        theirs = {pair: f"{value:.2%}" for pair, value in printed("cost saving")["value"].items()}
        caption = "Saving of OptLLM at each baseline's best accuracy."
        return Section(title, [Text(summary), _side_by_side(frame, cells, theirs, caption)])

    def cost_savings(self) -> pd.DataFrame:
        """Compare OptLLM with every baseline at the baseline's best accuracy, split by split.

        Returns:
            Columns ``data``, ``algorithm``, ``split``, ``saving`` (NaN where OptLLM never reaches it).
        """
        points: dict[tuple[str, int], dict[str, np.ndarray]] = {}
        for key, array in self._found.arrays("realised"):
            row = self._found.frame.loc[key]
            points.setdefault((row["data"], row["split"]), {})[row["algorithm"]] = array
        rows = [
            (data, algorithm, split, saving_at_best(of[OPTLLM], theirs))
            for (data, split), of in points.items()
            if OPTLLM in of
            for algorithm, theirs in of.items()
            if algorithm != OPTLLM
        ]
        return pd.DataFrame(rows, columns=["data", "algorithm", "split", "saving"])

    def igd(self) -> Section:
        """Report the paper's IGD and Δ, and minutes of search."""
        frame = self._found.frame[self._found.frame["realised_igd_raw"].notna()]
        title = "IGD, Δ and time"
        if frame.empty:
            return Section(title, [Text("Nothing is realised here.")])
        measures = ["realised_igd_raw", "realised_spread", "seconds"]
        means = frame.groupby(["data", "algorithm"], sort=False)[measures].mean()
        ours = {row[0]: f"{row[1]:.3g} / {row[2]:.2f} / {_time(row[3])}" for row in means.itertuples()}
        theirs = {q[0]: f"{q.igd:.2f} / {q.delta:.2f} / {q.minutes:.1f} min" for q in printed("quality").itertuples()}
        tables = self._found.tables.drop_duplicates("table")
        seconds = (tables["fit_seconds"] + tables["predict_seconds"]).astype(float).dropna()
        predicting = f"predicting takes {_time(seconds.mean())} on top, once per split for all of them."
        summary = (
            "IGD: mean distance of the true front from the realised plans, in raw dollars and accuracy, where"
            " dollars dominate; it depends on the size of the bills and can't be compared between data sets. Δ:"
            " spread of the realised plans that don't dominate each other. Time: of the search alone;"
            f" {predicting if len(seconds) else 'nothing was predicted.'}"
        )
        caption = "IGD / Δ / time of the search, means over splits."
        return Section(title, [Text(summary), _side_by_side(frame, ours, theirs, caption)])


def _time(seconds: float) -> str:
    """Write minutes, and seconds below one minute."""
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.2g} s"


def _side_by_side(
    frame: pd.DataFrame, ours: Mapping[tuple[str, str], object], theirs: Mapping[tuple[str, str], object], caption: str
) -> TableBlock:
    """Lay out algorithm × data, with a column of the paper's beside each data set that it has too."""
    algorithms = list(dict.fromkeys(frame["algorithm"]))
    papers = [NAMES.get(name) for name in algorithms]
    table = pd.DataFrame({"algorithm": algorithms, "paper": papers})
    columns = [Column("algorithm", "code", "algorithm"), Column("paper", "", "in the paper")]
    for data in datasets_in(frame):
        table[data] = [ours.get((data, name)) for name in algorithms]
        columns.append(Column(data, "", data))
        if data in SAME_DATA:
            beside = f"{data}: paper"
            table[beside] = [theirs.get((SAME_DATA[data], str(name))) for name in papers]
            columns.append(Column(beside, "", f"{data}, the paper's"))
    return TableBlock(table, columns, caption, n_left=2)


def saving_at_best(ours: np.ndarray, theirs: np.ndarray, /) -> float:
    """Return how much less OptLLM costs at the best accuracy of a baseline.

    Args:
        ours: (n, 2) true cost and accuracy of OptLLM's plans.
        theirs: (m, 2) the same of a baseline.

    Returns:
        1 - (cost of OptLLM's cheapest plan that is at least as accurate as the baseline's best) / (the cheapest cost
        at which the baseline has its best); NaN if OptLLM has no such plan, or the baseline's best costs nothing.

    Example:
        The baseline's best is 0.8, for 4 US$ at the least; OptLLM has 0.9 for 3 US$:

        >>> saving_at_best([[1, 0.5], [3, 0.9]], [[2, 0.6], [4, 0.8], [5, 0.8]])
        0.25
    """
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    best = theirs[:, 1].max()
    cost = theirs[theirs[:, 1] >= best - SLACK, 0].min()
    reaching = ours[ours[:, 1] >= best - SLACK, 0]
    return float(1 - reaching.min() / cost) if len(reaching) and cost > 0 else np.nan
