"""Anytime, ablation, scaling, fronts and what was run, from made-up results."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.cells.cell import Outcome
from benchmarks.cells.search import Limit
from benchmarks.report import fronts, setup
from benchmarks.report.document import Code, Details, FigureBlock, TableBlock, Text
from benchmarks.report.measured import measured
from benchmarks.runner.plan import Plan
from benchmarks.runner.run import Failure
from benchmarks.suites import ablation, anytime, scaling
from benchmarks.suites.paper import printed
from tests.benchmarks.suites.made_up import (
    SECONDS,
    four,
    known,
    plan_of,
    predicted,
    realised,
    results_of,
    search,
    searched,
)


def _found(tmp_path, outcomes, part="p"):
    plan = plan_of(part, *[cell for cell in outcomes if cell.kind == "search"])
    return measured(results_of(tmp_path, plan, outcomes), plan, part)


def _traced(*traces):
    """Outcomes of searches of one algorithm, one per split, with these traces."""
    arrays = [{"trace": np.array(trace, dtype=float)} for trace in traces]
    return {known("optllm", k): Outcome(searched(0.9), {"seconds": 1.0}, of) for k, of in enumerate(arrays)}


def test_targets_are_reached_by_the_median_run(tmp_path):
    """0.9 after 10, 20 and not at all: the median is 20. 0.99 in one of three only: not within the limit."""
    runs = _traced([[1, 0.1, 0.5], [10, 0.2, 0.95]], [[1, 0.1, 0.5], [20, 0.4, 0.999]], [[1, 0.1, 0.5], [50, 0.9, 0.6]])
    (row,) = anytime.Anytime.arrivals_table(anytime.Anytime.records_of(_found(tmp_path, runs))).to_dict("records")
    assert (row["evaluations 0.9"], row["seconds 0.9"]) == ("20", "0.4")
    assert row["evaluations 0.99"] == "not within its limit (1 of 3 do)"
    assert row["final"] == 0.95


def test_of_two_runs_the_later_counts(tmp_path):
    """Nothing is averaged with what wasn't reached."""
    runs = _traced([[1, 0.1, 0.95]], [[1, 0.1, 0.5]])
    (row,) = anytime.Anytime.arrivals_table(anytime.Anytime.records_of(_found(tmp_path, runs))).to_dict("records")
    assert row["evaluations 0.9"] == "not within its limit (1 of 2 do)"
    assert row["evaluations 0.999"] == "not within its limit"


def test_anytime_draws_both_units(tmp_path):
    """A figure over evaluations and one over seconds for the data set, each with its sentence, and a table."""
    (_, data) = anytime.Anytime.anytime_section(_found(tmp_path, _traced([[1, 0.1, 0.5], [10, 0.2, 0.95]]))).blocks
    kinds = [type(block) for block in data.blocks]
    assert kinds == [FigureBlock, FigureBlock, TableBlock]
    assert "Not within its limit: it used up what it was given, or ended by itself, before;" in data.blocks[2].caption
    assert [block.name for block in data.blocks[:2]] == ["anytime-known-evaluations", "anytime-known-seconds"]
    (text,) = anytime.Anytime.anytime_section(_found(tmp_path / "none", {known("optllm"): searched(0.9)})).blocks
    assert text.markdown == "No search left a trace."


def test_fronts_are_those_of_the_first_split(tmp_path):
    """Drawn is the known table; a split that isn't done is passed over; runs at equal seconds don't count."""
    F = np.array([[4.0, -0.5], [20.0, -0.75]])
    outcomes = {known("optllm", 1): Outcome(searched(0.9), {}, {"front": F})}
    timed = {known("optllm", 1, SECONDS): Outcome(searched(0.9), {}, {"front": F + 1})}
    plan = plan_of("p", known("optllm", 0), *outcomes, *timed)
    found = measured(results_of(tmp_path, plan, {**outcomes, **timed}), plan, "p")
    setting = fronts.first_setting(found, "known")
    assert setting.split == 1
    (front,) = fronts.fronts_of(found, setting)["optllm"]
    np.testing.assert_array_equal(front, F)
    drawn = fronts.fronts_section(found, plan)
    assert [block.name for block in drawn.blocks] == ["fronts-known", "mix-known"]


def test_the_problem_is_the_searched_one(tmp_path):
    """Costs of the planned queries, and the stored predictions."""
    cell = search("optllm", labels=0.25)
    accuracy = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    table = Outcome(predicted(0.5), {}, {"accuracy": accuracy, "sigma": accuracy})
    plan = plan_of("p", cell)
    found = measured(results_of(tmp_path, plan, {cell: realised(0.9, 0.5), cell.needs[0]: table}), plan, "p")
    problem = fronts.problem_of(found, plan, cell.setting)
    np.testing.assert_array_equal(problem.accuracy, accuracy)
    assert problem.cost.tolist() == [[1.0, 5.0]] * 3


def test_attainment_needs_repetitions(tmp_path):
    """One search of a table says nothing on what shares of searches attain; two do."""
    F = np.array([[4.0, -0.5], [20.0, -0.75]])
    first, second = (search("optllm", repetition=k) for k in range(2))
    table = Outcome(predicted(0.5), {}, {"accuracy": np.array([[0.1, 0.9]] * 4), "sigma": np.zeros((4, 2))})
    done = {c: Outcome(realised(0.9, 0.5), {}, {"front": F}) for c in (first, second)}
    alone = plan_of("p", first)
    found = measured(results_of(tmp_path / "a", alone, {first: done[first]}), alone, "p")
    (text,) = fronts.attainment_section(found, alone).blocks
    assert "more than once" in text.markdown
    both = Plan((first, second), {"logpai": _as_planned}, (), {"p": (first, second)})
    found = measured(results_of(tmp_path / "b", both, {**done, first.needs[0]: table}), both, "p")
    (figure,) = fronts.attainment_section(found, both).blocks
    assert isinstance(figure, FigureBlock)


def _as_planned():
    """A data set of which four queries are planned if one of fifty is labelled."""
    dataset = four()
    return type(dataset)(
        np.concatenate([dataset.cost, [[1.0, 5.0]]]),
        np.concatenate([dataset.correct, [[1, 1]]]),
        llms=dataset.llms,
        texts=[*dataset.texts, "d"],
    )


def test_n_grid_beside_the_papers(tmp_path):
    """Ours are means over splits: 0.4 and 0.6 make 0.5; the paper's row on 50 gaps has IGD 0.13 and 71 solutions."""
    outcomes = {
        search("optllm:walks", k, n_grid=n): realised(0.9, 0.5, realised_igd_raw=igd)
        for n, igds in {10: (1.0, 1.0), 50: (0.4, 0.6)}.items()
        for k, igd in enumerate(igds)
    }
    _, _, ours, theirs = ablation.SUITE.n_grid(_found(tmp_path, outcomes)).blocks
    assert ours.frame.set_index("n_grid")["igd"].to_dict() == pytest.approx({10: 1.0, 50: 0.5})
    assert ours.frame["runs"].tolist() == [2, 2]
    row = theirs.frame.set_index("n_grid").loc[50]
    assert (row["igd"], row["solutions"], row["seconds"]) == (0.13, 71, pytest.approx(381.0))


def test_alpha_takes_label_vectors_from_the_tables(tmp_path):
    """0.1, 0.2 and 0.3 of the vectors are right at -1, 0 and 1; the paper's five data sets stand below."""
    cells = [search("optllm:walks", alpha=float(alpha)) for alpha in (-1, 0, 1)]
    outcomes = {**{cell: realised(0.9, 0.5) for cell in cells}, cells[0].needs[0]: predicted(0.5)}
    _, text, ours, theirs = ablation.SUITE.alpha(_found(tmp_path, outcomes)).blocks
    assert ours.frame["right"].tolist() == [0.1, 0.2, 0.3]
    assert (
        "From -1 to 1, the share of label vectors that are right goes from 0.1000 to 0.3000 on logpai." in text.markdown
    )
    assert len(theirs.frame) == len(printed("alpha"))
    igd = theirs.frame.set_index(["data", "alpha"])["igd"]
    assert (igd["SCIQ", 0.0], igd["SCIQ", 1.0]) == (0.28, 0.14)
    assert igd[:, -1.0].isna().all()


def test_parts_and_predictors_name_the_best(tmp_path):
    """The largest and the least area are told, per data set."""
    areas = {"optllm:up": 0.4, "exact": 0.6, "single-llms": 0.1}
    outcomes = {search(name): realised(0.9, area) for name, area in areas.items()}
    text = ablation.SUITE.parts(_found(tmp_path, outcomes)).blocks[1]
    assert "Largest realised area on logpai: `exact` (0.6000), least `single-llms` (0.1000)." in text.markdown
    of = {search("exact", predictor=name): realised(0.9, area) for name, area in (("ours", 0.7), ("constants", 0.5))}
    _, _, ours = ablation.SUITE.predictors(_found(tmp_path / "p", of)).blocks
    assert ours.frame["area"].tolist() == [0.7, 0.5]


def test_labels_stand_beside_training_shares(tmp_path):
    """The paper's 1 % to train on is our 2 %, with one hundredth to validate."""
    outcomes = {search("optllm:walks", labels=share): realised(0.9, share) for share in (0.02, 0.06)}
    _, _, ours, theirs = ablation.SUITE.labels(_found(tmp_path, outcomes)).blocks
    assert ours.frame["labels"].tolist() == [0.02, 0.06]
    assert theirs.frame["labels"].iloc[0] == pytest.approx(0.02)


def test_an_ablation_that_was_not_run_says_so(tmp_path):
    """Data without texts has no α, for instance."""
    (text,) = ablation.SUITE.alpha(_found(tmp_path, {})).blocks
    assert text.markdown == "No search of this part is done."


def _growing(exponent):
    """Time of a stage that grows by this power of N, and of the sort, which grows linearly; two sizes M besides."""
    rows = [("sort", n, 12, 1e-6 * n) for n in (100, 1000, 10_000)]
    rows += [("front", n, 12, 1e-6 * n**exponent) for n in (100, 1000, 10_000)]
    rows += [("front", 1000, m, 1e-6 * m) for m in (2, 4)]
    frame = pd.DataFrame(rows, columns=["stage", "n_queries", "n_llms", "seconds"])
    return frame.assign(dtype="float64", peak_mib=frame["n_queries"] * frame["n_llms"] / 1e3, tables_mib=1.0)


def test_growth_and_the_sort():
    """N^1.5 has exponent 1.50; at 10,000 it takes 100 times the sort."""
    section = scaling.scaling_section(_growing(1.5))
    *_, told, growth, _ = section.blocks
    assert told.markdown == "* *front* takes 1 s at 10,000 × 12, 100 times the sort."
    rows = growth.frame.set_index("stage")
    assert rows.loc["front", "seconds N"] == "1.50 ± 0.00"
    assert rows.loc["sort", "seconds N"] == "1.00 ± 0.00"
    assert [block.name for block in section.blocks if isinstance(block, FigureBlock)] == [
        "scaling-seconds-n_queries",
        "scaling-peak_mib-n_queries",
        "scaling-seconds-n_llms",
        "scaling-peak_mib-n_llms",
    ]
    assert "*front* by 1.50 ± 0.00" in scaling.SUITE.headlines(_growing(1.5))[0]


def test_scaling_without_a_measurement():
    """A sentence, no error."""
    (text,) = scaling.scaling_section(pd.DataFrame()).blocks
    assert text.markdown == "No stage is measured yet."


def test_what_was_run(tmp_path):
    """Data sets with sizes, shares and the best single LLM; algorithms with a line each; notes; provenance."""
    cell = search("optllm")
    plan = plan_of("fair", cell, search("nsga2", limit=Limit(seconds=0.5)), notes=("Left out: nothing.",))
    results = results_of(tmp_path, plan, {cell: realised(0.9, 0.5), cell.needs[0]: predicted(0.5)})
    bullets, data, algorithms, versions = setup.setup_section(results, plan).blocks
    assert "2 searches: 2 algorithms on 1 data set, 1 split of each." in bullets.markdown
    assert "Limits of a search: 100 evaluations and 0.5 s." in bullets.markdown
    assert "predicted by `published` from 2 % of the rows" in bullets.markdown
    assert "Left out: nothing." in bullets.markdown
    (row,) = data.frame.to_dict("records")
    assert (row["n_queries"], row["n_llms"], row["labelled"], row["planned"]) == (4, 2, "1", "3")
    assert (row["best_llm"], row["best_accuracy"], row["best_cost"]) == ("dear", 0.75, 20.0)
    assert algorithms.blocks[0].frame["algorithm"].tolist() == ["optllm", "nsga2"]
    assert "a machine" in versions.blocks[0].markdown


def test_what_is_missing_is_said(tmp_path):
    """A search, its table and the features are missing of a run that was stopped: three cells of three kinds."""
    cell = search("optllm")
    plan = plan_of("fair", cell)
    (told,) = setup.completeness(results_of(tmp_path, plan, {}))
    assert told.startswith("**Incomplete: 3 of 3 cells are missing**")
    assert "The run was stopped." in told


def test_failures_are_told_with_their_traceback(tmp_path):
    """Folded away, behind a line with the reason; what wasn't run for it is counted."""
    cell = search("optllm")
    failures = (Failure(cell.needs[0], "Traceback\nValueError: <no>"), Failure(cell, "needs it", was_run=False))
    plan = plan_of("fair", cell)
    *_, told, details = setup.setup_section(results_of(tmp_path, plan, {}, failed=failures), plan).blocks
    assert told.markdown.startswith("**1 cell failed**, and 1 that need them were not run.")
    assert isinstance(details, Details)
    assert details.summary.endswith("ValueError: <no>")
    assert isinstance(details.blocks[0], Code)
    assert not isinstance(told, Details)
    assert isinstance(told, Text)
