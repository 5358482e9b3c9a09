"""Mean ranks: a critical-difference diagram, or dots where there is no test."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.cells.algorithms import OURS
from benchmarks.report.document import Block, Column, Details, FigureBlock, Section, TableBlock, Text, bullets
from benchmarks.report.look import FONT, best_per_family, panels, shown_name
from benchmarks.report.statistics import Ranking, blocks_table, effect_sizes, rank_algorithms, wins_ties_losses
from benchmarks.report.text import escape

ROW = 0.27
"""Inches per algorithm."""


def ranks_figure(ranking: Ranking, /, *, name: str, title: str) -> FigureBlock:
    """Draw mean ranks.

    With Nemenyi's p-values this is Demšar's critical-difference diagram, by scikit-posthocs: bars join the
    algorithms that don't differ significantly. Without them it is a plot of dots.

    Args:
        ranking: From `benchmarks.report.statistics.rank_algorithms`.
        name: Of the picture's file.
        title: What is drawn.
    """
    figure = _dots(ranking) if ranking.nemenyi is None else _diagram(ranking)
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
    _mark_difference(axes, ranking)
    axes.grid(visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


def _mark_difference(axes: Axes, ranking: Ranking) -> None:
    """Draw the critical difference to scale, above the axis, where no label is."""
    best, width = ranking.mean_ranks.iloc[0], ranking.critical_difference
    axes.plot([best, best + width], [2.2, 2.2], color="#D55E00", linewidth=3, solid_capstyle="round")
    axes.text(best, 2.5, f"critical difference {width:.2f}", fontsize=FONT - 1)
    axes.text(axes.dataLim.x0, 0.3, "mean rank, 1 is best ", ha="right", fontsize=FONT - 0.5)
    axes.set_ylim(top=3.4)


def _dots(ranking: Ranking) -> Figure:
    ranks = ranking.mean_ranks.dropna()
    figure, (axes,) = panels(height=1.2 + ROW * max(2, len(ranks)))
    y = np.arange(len(ranks))
    axes.plot(ranks, y, "o", color="#0072B2", markersize=6)
    if np.isfinite(ranking.critical_difference):
        axes.axvspan(ranks.iloc[0], ranks.iloc[0] + ranking.critical_difference, color="#D55E00", alpha=0.15)
    axes.set_yticks(y, [shown_name(str(name)) for name in ranks.index])
    axes.invert_yaxis()
    axes.set_xlabel("mean rank, 1 is best")
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
        return f"{first}; no test says whether that is more than chance."
    close = len(ranking.indistinct_from_best())
    n_rivals = len(ranks) - 1
    told = f"{n_rivals - close} of {n_rivals} rivals are further behind than the critical difference"
    shade = " (shaded)" if ranking.nemenyi is None else ""
    return f"{first}; {told} of {ranking.critical_difference:.2f}{shade}."


MOST = 14
"""Families in the diagram."""

METHOD = """\
Blocks are splits of data sets, treatments are algorithms. Friedman's test says whether mean ranks differ at all,
Nemenyi's which pairs do. Wins, ties and losses compare OptLLM with a rival on the same split. Vargha and Delaney's A
asks whether leads stand out from the spread over splits: within each data set every split of OptLLM is compared with
every split of the rival, A is the share of these pairs in which OptLLM is ahead, ties counting half, and its mean over
data sets is shown (from 0.56 a small, from 0.64 a medium and from 0.71 a large effect, and likewise below one half).
Who always leads by less than splits differ wins every block, with an A near one half; where splits hardly differ, as
when all ratios are almost 1, A is large for a lead of a hair. With few splits A is coarse, and with a single one it
says no more than wins and losses. So look at the median of the paired differences, which says how large leads are; its
95 % bootstrap interval draws splits within data sets, so that it speaks of these data sets only, and is left out where
one of them has a single split. Splits of one data set share queries, so blocks aren't independent, p-values are too
small and intervals too narrow."""

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


def statistics_section(
    frame: pd.DataFrame, measure: str, title: str, name: str, ours: str = OURS, /, *, higher_is_better: bool = True
) -> Section:
    """Compare algorithms on one measure under one limit.

    Args:
        frame: Columns ``data``, ``split``, ``algorithm`` and the measure; one row per run.
        measure: Column that is compared.
        title: Of the section.
        name: Of the figure's file.
        ours: Variant of OptLLM that the others are compared with.
        higher_is_better: Direction of the measure.
    """
    scores = blocks_table(frame, measure, block=["data", "split"], algorithm="algorithm").dropna(how="all")
    if scores.shape[1] < 2 or scores.empty:
        return Section(title, [Text("Fewer than two algorithms were measured, so there is nothing to compare.")])
    keep = ours if ours in scores.columns else None
    shown = best_variants(scores, keep, higher_is_better=higher_is_better)
    ranking = rank_algorithms(scores[shown], higher_is_better=higher_is_better, keep=keep)
    blocks: list[Block] = [
        _sentences(ranking, len(shown), scores.shape[1]),
        ranks_figure(ranking, name=name, title=f"{title}: mean ranks"),
    ]
    if keep is not None:
        blocks += _against(scores, ranking, shown, ours, higher_is_better=higher_is_better)
    return Section(title, blocks)


def best_variants(scores: pd.DataFrame, keep: str | None, /, *, higher_is_better: bool) -> list[str]:
    """Choose the best variant of each family by mean score, and the one to keep.

    Args:
        scores: Blocks × algorithms.
        keep: Variant that stands for its family, whatever its score.
        higher_is_better: Direction of the scores.
    """
    means = scores.mean()
    if scores.shape[1] <= MOST:
        return [str(name) for name in scores.columns]
    best = set(best_per_family(means, higher_is_better=higher_is_better, most=MOST))
    if keep is not None:
        best = {name for name in best if name.split(":")[0] != keep.split(":")[0]} | {keep}
    return [str(name) for name in scores.columns if name in best]


def comparison_table(
    scores: pd.DataFrame, ours: str, /, *, higher_is_better: bool = True, ranking: Ranking | None = None
) -> pd.DataFrame:
    """Put ranks, effect sizes, intervals and wins of OptLLM against each rival side by side, best rank first.

    Args:
        scores: Blocks × algorithms, indexed by data set and split.
        ours: Column of OptLLM.
        higher_is_better: Direction of the scores.
        ranking: Of these algorithms, if it is there already.
    """
    ranking = ranking or rank_algorithms(scores, higher_is_better=higher_is_better, keep=ours)
    generator = np.random.default_rng(0)
    effects = effect_sizes(scores, ours, random_state=generator, higher_is_better=higher_is_better)
    record = wins_ties_losses(scores, ours, higher_is_better=higher_is_better).set_index("algorithm")
    table = effects.set_index("algorithm")
    if not higher_is_better:
        table[["median_difference", "low", "high"]] = -table[["median_difference", "high", "low"]].to_numpy()
    table["interval"] = [_interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)]
    table["record"] = [f"{r.wins} / {r.ties} / {r.losses}" for r in record.loc[table.index].itertuples()]
    table["p_value"] = np.nan if ranking.nemenyi is None else ranking.nemenyi[ours]
    table = table.reindex([ours, *table.index])
    table["mean_rank"] = ranking.mean_ranks
    return table.sort_values("mean_rank", kind="stable").rename_axis("algorithm").reset_index()


def _sentences(ranking: Ranking, n_shown: int, n_all: int) -> Text:
    sentences = [escape(sentence) for sentence in ranking.sentences()]
    if n_shown < n_all:
        sentences.insert(0, f"Ranked are the best variants of their families, {n_shown} of {n_all} algorithms.")
    return bullets(sentences or ["There is nothing to rank."])


def _against(
    scores: pd.DataFrame, ranking: Ranking, shown: list[str], ours: str, *, higher_is_better: bool
) -> list[Block]:
    table = comparison_table(scores[shown], ours, higher_is_better=higher_is_better, ranking=ranking)
    bold = [k for k, name in enumerate(table["algorithm"]) if name == ours]
    blocks: list[Block] = [TableBlock(table, COLUMNS, f"{ours} against each rival.", bold)]
    if len(shown) < scores.shape[1]:
        whole = comparison_table(scores, ours, higher_is_better=higher_is_better)
        bold = [k for k, name in enumerate(whole["algorithm"]) if name == ours]
        caption = f"{ours} against all {scores.shape[1] - 1} others, ranked among all."
        blocks.append(Details(caption, [TableBlock(whole, COLUMNS, caption, bold)]))
    return blocks


def _interval(low: float, high: float) -> str | None:
    return None if np.isnan(low) else f"{low:+.2g} … {high:+.2g}"
