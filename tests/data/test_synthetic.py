"""The made-up batch: seeded, plausible, and with something to learn in its texts."""

import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score

from optllm_pymoo.data import Dataset, make_dataset, save_dataset

SEEDS = range(5)


def fingerprint(data: Dataset) -> str:
    """A hash of all that is in a data set."""
    content = repr((data.texts, data.groups, data.llms)).encode()
    return hashlib.sha256(data.cost.tobytes() + data.correct.tobytes() + content).hexdigest()


def test_the_same_seed_gives_the_same_batch():
    """Also in a fresh process and from a generator; another seed gives another batch."""
    expected = fingerprint(make_dataset(300, 4, random_state=7))
    assert fingerprint(make_dataset(300, 4, random_state=np.random.default_rng(7))) == expected
    assert fingerprint(make_dataset(300, 4, random_state=8)) != expected
    code = (
        "import hashlib; from optllm_pymoo.data import make_dataset;"
        "d = make_dataset(300, 4, random_state=7);"
        "c = repr((d.texts, d.groups, d.llms)).encode();"
        "print(hashlib.sha256(d.cost.tobytes() + d.correct.tobytes() + c).hexdigest())"
    )
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert fresh.stdout.strip() == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_the_batch_is_worth_splitting(seed):
    """Costs span a factor of 50, dearer LLMs are better on the whole, and none is best everywhere."""
    data = make_dataset(random_state=seed)
    total, accuracy = data.cost.sum(0), data.correct.mean(0)
    assert total.max() / total.min() > 50
    assert np.corrcoef(np.log(total), accuracy)[0, 1] > 0.7
    assert 0.25 < accuracy.min() < accuracy.max() < 0.95
    assert data.correct.max(axis=1).mean() > accuracy.max() + 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_difficulty_is_shared(seed):
    """Outcomes of any two LLMs go together: which queries are hard does not depend on whom one asks."""
    correlation = np.corrcoef(make_dataset(random_state=seed).correct.T)
    assert correlation[~np.eye(6, dtype=bool)].min() > 0.05


def test_llms_have_specialities():
    """The ranking of LLMs differs between kinds of task."""
    data = make_dataset(6000)
    groups = np.array(data.groups)
    best = {int(np.argmax(data.correct[groups == name].mean(0))) for name in set(data.groups)}
    assert len(best) > 1


def test_texts_tell_what_to_expect():
    """A linear model on words explains a part of unseen outcomes; each LLM's average would explain none."""
    data = make_dataset(3000, random_state=3)
    words = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True).fit_transform(data.texts)
    model = RidgeCV(alphas=[1.0, 10.0]).fit(words[:1500], data.correct[:1500])
    assert r2_score(data.correct[1500:], model.predict(words[1500:])) > 0.1


def test_smallest_sizes_and_labels():
    """One query and one LLM are enough; less is refused; the batch says that it is made up."""
    data = make_dataset(1, 1)
    assert data.cost.shape == (1, 1)
    assert data.about["synthetic"] is True
    assert "No real LLM was asked" in data.about["description"]
    for arguments, message in [
        ((0, 1), "n_queries must be at least 1; got 0"),
        (("10", 1), "n_queries must be a whole number; got '10'"),
        ((1, 0), "n_llms must be at least 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            make_dataset(*arguments)


def test_it_can_be_saved(tmp_path):
    """What `about` holds fits into JSON, also for a numpy integer as seed."""
    save_dataset(make_dataset(5, 2, random_state=np.int64(3)), tmp_path / "d")
    assert (tmp_path / "d" / "about.json").is_file()


def test_a_large_batch_is_made_quickly():
    """20,000 queries take a few seconds of the processor at most."""
    started = time.process_time()
    assert len(make_dataset(20_000, 12)) == 20_000
    assert time.process_time() - started < 5
