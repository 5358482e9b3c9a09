"""Whether differences between algorithms are more than chance, and how large they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.findings import OURS
from benchmarks.reporting.document import Block, Details, Section, TableBlock, Text, bullets
from benchmarks.reporting.escaping import escape
from benchmarks.reporting.plots.look import best_per_family
from benchmarks.reporting.plots.ranks import ranks_figure
from benchmarks.statistics.blocks import blocks_table
from benchmarks.statistics.effects import effect_sizes, wins_ties_losses
from benchmarks.statistics.ranks import Ranking, rank_algorithms
from benchmarks.tables import Column

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
