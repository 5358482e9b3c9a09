"""Whether differences between algorithms are more than chance, and how large they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.cells.algorithms import OURS
from benchmarks.report.document import Block, Column, Details, FigureBlock, Section, TableBlock, Text, bullets
from benchmarks.report.look import FONT, best_per_family, panels, shown_name
from benchmarks.report.statistics import Ranking, blocks_table, effect_sizes, rank_algorithms, wins_ties_losses
from benchmarks.report.text import escape, explained

# Inches per algorithm.
ROW = 0.27


def ranks_figure(ranking: Ranking, /, *, name: str, title: str) -> FigureBlock:
    """Draw mean ranks.

    With Nemenyi's p-values this is Demšar's critical-difference diagram, by scikit-posthocs: bars join the
    algorithms that don't differ significantly. Without them it is a plot of dots.

    Args:
        ranking: From `benchmarks.report.statistics.rank_algorithms`.
        name: Of the picture's file.
        title: What is drawn.
    """
    if ranking.nemenyi is not None:
        return FigureBlock(name, _diagram(ranking), title, _sentence(ranking))
    ranks = ranking.mean_ranks.dropna()
    figure, (axes,) = panels(height=1.2 + ROW * max(2, len(ranks)))
    y = np.arange(len(ranks))
    axes.plot(ranks, y, "o", color="#0072B2", markersize=6)
    if np.isfinite(ranking.critical_difference):
        axes.axvspan(ranks.iloc[0], ranks.iloc[0] + ranking.critical_difference, color="#D55E00", alpha=0.15)
    axes.set_yticks(y, [shown_name(str(name)) for name in ranks.index])
    axes.invert_yaxis()
    axes.set_xlabel("mean rank, 1 is best")
    return FigureBlock(name, figure, title, _sentence(ranking))


def _diagram(ranking: Ranking) -> Figure:
    from scikit_posthocs import critical_difference_diagram

    figure, (axes,) = panels(height=1.8 + ROW * len(ranking.mean_ranks))
    names = {name: shown_name(name) for name in ranking.mean_ranks.index}
    critical_difference_diagram(
        ranking.mean_ranks.rename(names),
        ranking.nemenyi.rename(index=names, columns=names),
        alpha=ranking.alpha,
        ax=axes,
        left_only=True,
        label_fmt_left="{label}  {rank:.2f}",
        label_props={"fontsize": FONT - 0.5},
        elbow_props={"color": "#444444", "linewidth": 0.8},
        marker_props={"color": "#0072B2", "s": 24},
        crossbar_props={"color": "#D55E00", "linewidth": 3, "solid_capstyle": "round"},
        text_h_margin=0.03 * max(1.0, float(np.ptp(ranking.mean_ranks))),
    )
    # the critical difference to scale, above the axis, where no label is
    best, width = ranking.mean_ranks.iloc[0], ranking.critical_difference
    axes.plot([best, best + width], [2.2, 2.2], color="#D55E00", linewidth=3, solid_capstyle="round")
    axes.text(best, 2.5, f"critical difference {width:.2f}", fontsize=FONT - 1)
    axes.text(axes.dataLim.x0, 0.3, "mean rank, 1 is best ", ha="right", fontsize=FONT - 0.5)
    axes.set_ylim(top=3.4)
    axes.grid(visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


def _sentence(ranking: Ranking) -> str:
    ranks = ranking.mean_ranks.dropna()
    if ranks.empty:
        return "There is no block in which every algorithm was measured, so there are no ranks."
    blocks = f"{ranking.n_blocks} block{'s' * (ranking.n_blocks != 1)}"
    first = f"{ranks.index[0]} has the best mean rank over {blocks}, {ranks.iloc[0]:.2f}"
    if len(ranks) > 1:
        first += f", followed by {ranks.index[1]} with {ranks.iloc[1]:.2f}"
    if np.isnan(ranking.critical_difference):
        return f"{first}; no test was possible, so that may be chance."
    close = len(ranking.indistinct_from_best())
    n_rivals = len(ranks) - 1
    summary = f"{n_rivals - close} of {n_rivals} rivals are further behind than the critical difference"
    shade = " (shaded)" if ranking.nemenyi is None else ""
    return f"{first}; {summary} of {ranking.critical_difference:.2f}{shade}."


# Families in the diagram.
MOST = 14

METHOD = explained("significance")

COLUMNS = (
    Column("algorithm", "code", "algorithm"),
    Column("mean_rank", ".2f", "mean rank"),
    Column("p_value", ".2g", "Nemenyi p against OptLLM"),
    Column("vargha_delaney", ".2f", "A"),
    Column("magnitude", "", "size"),
    Column("median_difference", "+.2g", "median lead of OptLLM"),
    Column("interval", "", "95 % interval"),
    Column("record", "", "wins / ties / losses"),
)


class Comparison:
    """Algorithms compared on one measure, in blocks of data sets and splits.

    Args:
        frame: Columns ``data``, ``split``, ``algorithm`` and the measure; one row per run.
        measure: Column that is compared.
        title: Of the section.
        ours: Variant of OptLLM that the others are compared with.
        higher_is_better: Direction of the measure.

    Attributes:
        ranking: Of the algorithms shown; None where there are fewer than two.
    """

    def __init__(
        self, frame: pd.DataFrame, measure: str, title: str, /, ours: str = OURS, *, higher_is_better: bool = True
    ) -> None:
        self._title, self._ours, self._upward = title, ours, higher_is_better
        scores = blocks_table(frame, measure, block=["data", "split"], algorithm="algorithm").dropna(how="all")
        self._scores = scores
        self._keep = ours if ours in scores.columns else None
        self._shown = self._best_variants()
        self.ranking: Ranking | None = None
        if scores.shape[1] >= 2 and not scores.empty:
            self.ranking = rank_algorithms(scores[self._shown], higher_is_better=higher_is_better, keep=self._keep)

    def _best_variants(self) -> list[str]:
        """Choose the best variant of each family by mean score, and always the one to keep."""
        scores, keep = self._scores, self._keep
        if scores.shape[1] <= MOST:
            return [str(name) for name in scores.columns]
        best = set(best_per_family(scores.mean(), higher_is_better=self._upward, most=MOST))
        if keep is not None:
            best = {name for name in best if name.split(":")[0] != keep.split(":")[0]} | {keep}
        return [str(name) for name in scores.columns if name in best]

    def figure(self, name: str, /) -> list[FigureBlock]:
        """Draw mean ranks, if there are at least two algorithms.

        Args:
            name: Of the picture's file.
        """
        return (
            [] if self.ranking is None else [ranks_figure(self.ranking, name=name, title=f"{self._title}: mean ranks")]
        )

    def section(self) -> Section:
        """Report whether ranks differ, and how large the differences from OptLLM are."""
        if self.ranking is None:
            nothing = Text("Fewer than two algorithms were measured, so there is nothing to compare.")
            return Section(self._title, [nothing])
        sentences = [escape(sentence) for sentence in self.ranking.sentences()] or ["There is nothing to rank."]
        n_all, n_shown = self._scores.shape[1], len(self._shown)
        if n_shown < n_all:
            sentences.insert(0, f"Ranked are the best variants of their families, {n_shown} of {n_all} algorithms.")
        blocks: list[Block] = [bullets(sentences)]
        if self._keep is not None:
            caption = f"{self._ours} against each rival."
            blocks.append(self._table(self._scores[self._shown], caption, self.ranking))
            if n_shown < n_all:
                caption = f"{self._ours} against all {n_all - 1} others, ranked among all."
                blocks.append(Details(caption, [self._table(self._scores, caption)]))
        return Section(self._title, blocks)

    def _table(self, scores: pd.DataFrame, caption: str, ranking: Ranking | None = None) -> TableBlock:
        table = comparison_table(scores, self._ours, higher_is_better=self._upward, ranking=ranking)
        bold = [k for k, name in enumerate(table["algorithm"]) if name == self._ours]
        return TableBlock(table, COLUMNS, caption, bold)


def comparison_table(
    scores: pd.DataFrame, ours: str, /, *, higher_is_better: bool = True, ranking: Ranking | None = None
) -> pd.DataFrame:
    """Tabulate ranks, effect sizes, intervals and wins of OptLLM against each rival, best rank first.

    Args:
        scores: Blocks × algorithms, indexed by data set and split.
        ours: Column of OptLLM.
        higher_is_better: Direction of the scores.
        ranking: Of these algorithms, if it is there already.
    """
    ranking = ranking or rank_algorithms(scores, higher_is_better=higher_is_better, keep=ours)
    effects = effect_sizes(scores, ours, random_state=np.random.default_rng(0), higher_is_better=higher_is_better)
    record = wins_ties_losses(scores, ours, higher_is_better=higher_is_better).set_index("algorithm")
    table = effects.set_index("algorithm")
    if not higher_is_better:
        table[["median_difference", "low", "high"]] = -table[["median_difference", "high", "low"]].to_numpy()
    ends = zip(table["low"], table["high"], strict=True)
    table["interval"] = [None if np.isnan(low) else f"{low:+.2g} … {high:+.2g}" for low, high in ends]
    table["record"] = [f"{r.wins} / {r.ties} / {r.losses}" for r in record.loc[table.index].itertuples()]
    table["p_value"] = np.nan if ranking.nemenyi is None else ranking.nemenyi[ours]
    table = table.reindex([ours, *table.index])
    table["mean_rank"] = ranking.mean_ranks
    return table.sort_values("mean_rank", kind="stable").rename_axis("algorithm").reset_index()
