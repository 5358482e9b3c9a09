"""A policy sends new queries where its plan would have."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optllm_pymoo import AtLeastAccuracy, Policy, QueryFeatures, Quota, UserError, WithinBudget, make_dataset
from optllm_pymoo.limits import Weights, relax
from optllm_pymoo.planning import Constraints, Front, front_of, plan_front, read_learnt
from optllm_pymoo.planning.policy import POLICY, read_archive, write_archive
from optllm_pymoo.planning.whatif import PREDICTIONS, write_learnt
from tests.processes import run_fresh

DATA = make_dataset(150, 3, random_state=4)
FOREIGN = ["何時ですか", "", "مرحبا", "x" * 5000, "\x00\ud800", "Ünï 🎉"]


@pytest.fixture(scope="module")
def front() -> Front:
    """A front that was learnt, without limits."""
    return plan_front(DATA, 0.3)


@pytest.fixture(scope="module")
def policy(front: Front) -> Policy:
    """The policy of a plan in the middle."""
    return Policy.of(front, front.choose(WithinBudget(float(front.found.F[:, 0].mean()))))


def test_without_limits_it_is_the_plan(front: Front) -> None:
    """At both ends of the front and in between: every planned query goes where the plan sends it, by its text alone."""
    F = front.found.F
    for k in (0, 1, len(F) // 3, len(F) - 2, len(F) - 1):
        plan = front.choose(WithinBudget(float(F[k, 0])))
        policy = Policy.of(front, plan)
        route = policy.route(front.planned.texts, front.problem.cost)
        assert route.x.tolist() == plan.x.tolist()
        assert np.array_equal(route.accuracy, plan.chosen_accuracy)
        assert policy.about["agrees"] == 1


@pytest.mark.parametrize("choice", [WithinBudget(0.09), AtLeastAccuracy(0.6), None])
def test_with_limits_it_is_the_relaxation(front: Front, choice) -> None:
    """Wherever two LLMs aren't worth the same, a query goes where the linear relaxation at the same bound sends it."""
    llms = DATA.llms
    kept = Constraints(
        quotas=[Quota(llms[2], calls=15), Quota(llms[1], usd=0.03)], floors={None: 0.3}, forbidden=[f"{llms[0]}:code"]
    )
    expected = front.learner
    found = front_of(front.planned, read(front)._replace(learner=expected), front.n_labelled, constraints=kept)
    plan = found.choose(choice)
    policy = Policy.of(found, plan)
    groups = found.groups
    route = policy.route(front.planned.texts, front.problem.cost, groups=groups)
    limits = found.limits
    if plan.target is not None:
        solved = relax(limits.within(min_accuracy=plan.target), Weights(0.0, 1.0))
    else:
        usd = plan.cost_usd if plan.budget_usd is None else plan.budget_usd
        solved = relax(limits.within(budget_usd=usd * (1 + 1e-12)), Weights(1.0, 0.0))
    sure = route.margin > 1e-6
    assert (route.x == solved.x)[sure].all()
    assert policy.about["undecided"] == pytest.approx(1 - sure.mean(), abs=0.02)
    assert policy.about["agrees"] >= 0.85
    assert not ((route.x == 0) & (np.array(groups) == "code")).any()
    with pytest.raises(UserError, match="so the queries need groups"):
        policy.route(["a"])
    assert policy.route(["a", "b"], groups=["unheard of", None]).n_strange == 1


def read(front: Front):
    """The prediction that a front was made of."""
    from optllm_pymoo.planning import Prediction

    return Prediction(front.problem.accuracy, front.sigma, front.optimism, front.shift)


def test_file_holds_the_same_policy(policy: Policy, front: Front, tmp_path: Path) -> None:
    """Read again it gives the same floats, in this process, in another, and for another order of texts."""
    texts = [*front.planned.texts[:20], *FOREIGN]
    file = tmp_path / POLICY
    policy.save(file)
    again, here = Policy.load(tmp_path), policy.route(texts)
    there = again.route(texts)
    assert all(map(np.array_equal, here, there))
    turned = again.route(texts[::-1])
    assert np.array_equal(turned.accuracy[::-1], here.accuracy)
    assert [again.route([text]).llms[0] for text in texts] == here.llms
    code = (
        "import sys; from optllm_pymoo import Policy; texts = eval(sys.argv[2]);"
        "r = Policy.load(sys.argv[1]).route(texts); print(r.x.tolist(), r.accuracy.tolist(), r.cost_usd.tolist())"
    )
    assert run_fresh(code, str(file), ascii(texts)) == (
        f"{here.x.tolist()} {here.accuracy.tolist()} {here.cost_usd.tolist()}"
    )
    again.save(tmp_path / "copy.npz")
    assert (tmp_path / "copy.npz").read_bytes() == file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        assert not any(text.encode() in archive.read(name) for name in archive.namelist() for text in texts[:20])


def test_a_text_model_of_the_user(tmp_path: Path) -> None:
    """A model that knows the outcomes is used: the plan is nearly the best; its policy routes, and can't be saved."""
    data = make_dataset(200, 3, random_state=2)
    known = dict(zip(data.texts, data.correct, strict=True))
    features = QueryFeatures(lambda texts: [known[text] for text in texts], topics=False, surface=False)
    front, built_in = (plan_front(data, 0.3, features=each) for each in (features, None))
    rows = [data.query_ids.index(query_id) for query_id in front.problem.query_ids]
    missed, missed_built_in = (np.abs(each.problem.accuracy - data.correct[rows]).mean() for each in (front, built_in))
    assert missed < 0.5 * missed_built_in
    assert not hasattr(features, "n_features_out_")
    policy = Policy.of(front, front.choose())
    plan = front.choose()
    routed = policy.route(front.planned.texts, costs=front.planned.cost)
    assert (routed.x == plan.x).mean() > 0.9
    with pytest.raises(UserError, match="only features of texts by TfidfSVD, the default, can be saved"):
        policy.save(tmp_path / POLICY)


def test_costs_are_those_of_the_batch_on_average(policy: Policy) -> None:
    """A least-squares line keeps the sum, and nothing leaves the range of known costs."""
    found = policy.learner.cost(DATA.texts)
    unclipped = (found > DATA.cost.min(axis=0)) & (found < DATA.cost.max(axis=0))
    assert unclipped.mean() > 0.9
    assert found.sum(axis=0) == pytest.approx(DATA.cost.sum(axis=0), rel=0.02)
    assert (policy.learner.cost(["x" * 10**6]) <= DATA.cost.max(axis=0)).all()


def test_missing_labels_and_what_is_too_long(tmp_path: Path) -> None:
    """Models of single LLMs are kept too; a text as long as one that an LLM couldn't read isn't sent to it."""
    correct = DATA.correct.copy()
    correct[::2, 1] = np.nan
    correct[90:] = np.nan
    longest = sorted(range(90, 150), key=lambda i: -len(DATA.texts[i]))[:5]
    ids = [DATA.query_ids[i] for i in longest]
    data = DATA.with_outcomes(correct).with_about({"too_long": {DATA.llms[0]: ids}})
    front = plan_front(data)
    policy = Policy.of(front, front.choose(WithinBudget(float(front.found.F[0, 0]))))
    policy.save(tmp_path / POLICY)
    again = Policy.load(tmp_path)
    assert np.array_equal(again.learner.accuracy(DATA.texts), policy.learner.accuracy(DATA.texts))
    assert again.route(["x" * len(DATA.texts[longest[0]]), ""]).x.tolist() == [1, 0]
    short = replace(again, allowed=np.array([[True, False, False]]))
    with pytest.raises(UserError, match=r"no LLM is allowed for texts\[0\]"):
        replace(short, groups=()).route(["x" * 10**5])


def test_a_what_if_has_its_policy(policy: Policy, front: Front, tmp_path: Path) -> None:
    """One LLM fewer and dearer calls: the policy of the changed plan sends its queries as that plan does."""
    write_learnt(tmp_path / PREDICTIONS, front)
    policy.save(tmp_path / POLICY)
    kept = read_learnt(tmp_path, with_policy=True).changed(drop=[DATA.llms[1]], price_factors=[(DATA.llms[2], 3.0)])
    found = front_of(kept.planned, kept.prediction, kept.n_labelled)
    plan = found.choose()
    changed = Policy.of(found, plan)
    assert changed.llms == (DATA.llms[0], DATA.llms[2])
    assert changed.route(front.planned.texts, found.problem.cost).x.tolist() == plan.x.tolist()
    assert changed.learner.cost(["one"]) == pytest.approx(policy.learner.cost(["one"])[:, [0, 2]] * [1, 3], rel=1e-12)


def test_bad_input(policy: Policy, front: Front, tmp_path: Path) -> None:
    """Each is refused in one sentence."""
    for texts, given, said in (
        ([], {}, "there is no query to route"),
        ("one", {}, "wrap it in a list"),
        (["a"], {"costs": [[1.0, 2.0]]}, "a row per query and a column per LLM"),
        (["a"], {"costs": [[1.0, 2.0, -1.0]]}, "must be finite and at least 0"),
        (["a"], {"groups": ["x", "y"]}, "must name the group of each"),
    ):
        with pytest.raises(UserError, match=said):
            policy.route(texts, **given)
    with pytest.raises(FileNotFoundError, match="there is no policy"):
        Policy.load(tmp_path / "nowhere.npz")
    policy.save(tmp_path / POLICY)
    header, arrays = read_archive(tmp_path / POLICY, "policy", 1)
    write_archive(tmp_path / "later.npz", "policy", 2, header, arrays)
    with pytest.raises(UserError, match="in layout 2, and this version reads layout 1"):
        Policy.load(tmp_path / "later.npz")
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(UserError, match="is no policy of optllm-pymoo, or it is damaged"):
        Policy.load(tmp_path / "other.npz")
    known = plan_front(DATA, "all")
    plan = known.choose()
    with pytest.raises(UserError, match="made of outcomes"):
        Policy.of(known, plan)
