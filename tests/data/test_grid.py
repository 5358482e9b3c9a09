"""Wide files: which columns are found, what is refused and where, and the way back."""

import sys

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo.data import DataFileError, Dataset, read_table, write_table
from optllm_pymoo.data.grid import wide_frame

pytestmark = pytest.mark.filterwarnings("ignore::optllm_pymoo.data.DataFileWarning")
nan = float("nan")
pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")


def write(folder, text: str):
    """Write a wide CSV file."""
    path = folder / "wide.csv"
    path.write_text(text)
    return path


def test_optllm_and_frugalgpt_columns(tmp_path):
    """`<llm>` and `<llm>_cost`; a reference answer and an index column are left alone."""
    path = write(
        tmp_path,
        'id,query,ref_answer,gpt4,gpt4_cost,j1,j1_cost\n7,"a\nb",yes,1,0.02,0,1e-3\n8,c,no,0,0.01,1,0\n',
    )
    data = read_table(path)
    assert data.llms == ("gpt4", "j1")
    assert data.query_ids == ("7", "8")
    assert data.texts == ["a\nb", "c"]
    assert data.groups is None
    assert data.correct.tolist() == [[1, 0], [0, 1]]
    assert data.cost.tolist() == [[0.02, 0.001], [0.01, 0]]
    assert data.about == {"source": "wide.csv"}


def test_routerbench_columns(tmp_path):
    """`<llm>|total_cost` beside `<llm>`; responses and the oracle are left alone, scores may be fractions."""
    frame = pd.DataFrame(
        {
            "sample_id": ["mmlu.1", "mt.2"],
            "prompt": ["p", "q"],
            "eval_name": ["mmlu", "mt-bench"],
            "a/b-7b": [0.0, 0.85],
            "a/b-7b|model_response": ["x", "y"],
            "a/b-7b|total_cost": [1e-5, 2e-5],
            "oracle_model_to_route_to": ["no_model_correct", "a/b-7b"],
        }
    )
    frame.to_csv(tmp_path / "r.csv", index=False)
    frame.to_parquet(tmp_path / "r.parquet")
    for name in ("r.csv", "r.parquet"):
        data = read_table(tmp_path / name)
        assert data.llms == ("a/b-7b",)
        assert data.query_ids == ("mmlu.1", "mt.2")
        assert data.texts == ["p", "q"]
        assert data.groups == ["mmlu", "mt-bench"]
        assert data.correct.tolist() == [[0.0], [0.85]]
        assert data.cost.tolist() == [[1e-5], [2e-5]]


def test_columns_can_be_named(tmp_path):
    """What the usual names don't find can be given; without any id, queries are numbered."""
    path = write(tmp_path, "wording,key,topic,m,m_cost\na,x,t,1,0.5\nb,y,u,0,0.5\n")
    data = read_table(path, text="wording", query_id="key", group="topic")
    assert (data.texts, data.query_ids, data.groups) == (["a", "b"], ("x", "y"), ["t", "u"])
    bare = read_table(path)
    assert (bare.texts, bare.query_ids, bare.groups) == (None, ("0", "1"), None)
    with pytest.raises(DataFileError, match=r"wide.csv, line 1: unknown column 'wordign'; did you mean 'wording'"):
        read_table(path, text="wordign")


def test_the_first_of_the_usual_names_wins(tmp_path):
    """With several candidates the order query, text, prompt and query_id, sample_id, id decides."""
    data = read_table(write(tmp_path, "id,prompt,text,sample_id,m,m_cost\n1,p,t,s,1,0.5\n"))
    assert (data.texts, data.query_ids) == (["t"], ("s",))


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("id,m\n1,1\n", 1, None, "found no LLM: expected columns <llm> and <llm>_cost .* there are 'id', 'm'"),
        ("id,m-1,m-1 cost\n1,1,1\n", 1, None, "found no LLM: .* call them 'm-1' and 'm-1_cost'"),
        ("id,m-1,cost_m-1\n1,1,1\n", 1, None, "found no LLM: .* call them 'm-1' and 'm-1_cost'"),
        ("id,m_accuracy,m_cost\n1,1,1\n", 1, None, "found no LLM: .* call them 'm' and 'm_cost'"),
        ("id,m_cost\n1,1\n", 1, None, "if 'm_cost' are the costs of LLMs, name them with llms= .--llms m."),
        (
            "id,m,m_cost,m|total_cost\n1,1,1,1\n",
            1,
            None,
            r"'m_cost' and 'm\|total_cost' are both the cost",
        ),
        ("id,note,m,m_cost\n1,,1,1\n2,,x,1\n", 3, "m", "expected a number, found 'x'"),
        ('id,note,m,m_cost\n1,"a\nb",1,1\n2,,0,\n', 4, "m_cost", "found an empty cell"),
        ("id,m,m_cost\n1,1,1\n2,,1\n", 3, "m", "found an empty cell"),
        (
            "id,m,m_cost\n1,1,1\n2,1,-1\n",
            3,
            "m_cost",
            "finite and >= 0; found -1.0; leave empty what is unknown",
        ),
        ("id,m,m_cost\n1,1.5,1\n2,1,1\n", 2, "m", r"expected a value in \[0, 1\]; found 1.5"),
        ("id,m,m_cost\n1,1,1\n1,1,1\n", 3, "id", "'1' is already on line 2"),
        ("id,m,m_cost\n1,1,1\n2,1,1,1\n", 3, None, "expected 3 cells as in the header, found 4"),
        ("id,m,m_cost\n", 1, None, "no record below the header"),
    ],
)
def test_faults_are_named_with_their_place(tmp_path, text, line, column, message):
    """The message has file, line and column."""
    path = write(tmp_path, text)
    with pytest.raises(DataFileError, match=message) as caught:
        read_table(path)
    assert (caught.value.path, caught.value.line, caught.value.column) == (path, line, column)


def test_gaps_on_request(tmp_path):
    """allow_missing reads empty outcomes, and those of an LLM that is named, as NaN; some cost has to be known."""
    path = write(tmp_path, "id,m,m_cost,new_cost\n1,,1,2\n2,1,1,2\n")
    data = read_table(path, allow_missing=True, llms=["m", "new"])
    np.testing.assert_array_equal(data.correct, [[nan, nan], [1, nan]])
    assert data.llms == ("m", "new")
    with pytest.raises(DataFileError, match="no cost of 'm' is known, so none can be estimated"):
        read_table(write(tmp_path, "id,m,m_cost\n1,1,\n"), allow_missing=True)


@pytest.mark.parametrize(
    ("columns", "column", "message"),
    [
        ({"m": [1, None], "m_cost": [1.0, 2.0]}, "m", "in row 1: expected a number, found an empty cell or NA"),
        ({"m": [1, 0], "m_cost": ["1", "x"]}, "m_cost", "in row 1: expected a number, found 'x'"),
        ({"m": [1, 0], "m_cost": [1.0, -2.0]}, "m_cost", "in row 1: .*found -2.0"),
        ({"m": [1, 0], "m_cost": [1.0, 2.0], "id": ["a", "a"]}, "id", "in row 1: 'a' is already in row 0"),
        ({"m": [1, 0], "m_cost": [1.0, 2.0], "id": ["a", None]}, "id", "this query has no id"),
        (
            {"m": [1, 0], "m_cost": [1.0, 2.0], "text": [["a"], ["b"]]},
            "text",
            "expected text, found a column of type list",
        ),
        ({"m": [], "m_cost": []}, None, "there is no record"),
    ],
)
def test_faults_in_parquet_are_named_with_their_row(tmp_path, columns, column, message):
    """The message has file, row and column."""
    pd.DataFrame(columns).to_parquet(tmp_path / "w.parquet")
    with pytest.raises(DataFileError, match=message) as caught:
        read_table(tmp_path / "w.parquet")
    assert caught.value.column == column


def test_types_that_parquet_knows_become_numbers_and_text(tmp_path):
    """Booleans, integers, decimals as text, nulls and categories are taken for what they mean."""
    frame = pd.DataFrame(
        {
            "query_id": [10, 20],
            "text": pd.Categorical(["a", "b"]),
            "m": pd.array([True, None], dtype="boolean"),
            "m_cost": ["0.5", "1e-3"],
            "n": [True, False],
            "n_cost": np.array([1, 2], dtype="float32"),
        }
    )
    frame.to_parquet(tmp_path / "w.parquet")
    data = read_table(tmp_path / "w.parquet", allow_missing=True)
    assert (data.query_ids, data.texts) == (("10", "20"), ["a", "b"])
    np.testing.assert_array_equal(data.correct, [[1, 1], [nan, 0]])
    assert data.cost.tolist() == [[0.5, 1.0], [0.001, 2.0]]


def test_damaged_parquet_is_named(tmp_path, small):
    """A file cut short, and one that was never Parquet, are refused by name."""
    path = tmp_path / "w.parquet"
    write_table(small, path)
    whole = path.read_bytes()
    for content in (whole[:-20], whole[: len(whole) // 2], b"", b"id,m,m_cost"):
        path.write_bytes(content)
        with pytest.raises(DataFileError, match=r"w.parquet: can't be read as Parquet"):
            read_table(path)


@pytest.mark.parametrize("name", ["w.csv", "w.csv.gz", "w.parquet"])
def test_what_is_written_is_read(tmp_path, small, name):
    """Every format gives back the same data set to the last bit, unknown outcomes included."""
    data = Dataset(
        small.cost,
        [[0, nan], [1, 1], [1 / 3, 0]],
        llms=small.llms,
        query_ids=small.query_ids,
        texts=small.texts,
        groups=small.groups,
    )
    write_table(data, tmp_path / name)
    again = read_table(tmp_path / name, allow_missing=True)
    np.testing.assert_array_equal(again.cost, data.cost)
    np.testing.assert_array_equal(again.correct, data.correct)
    assert (again.llms, again.query_ids) == (data.llms, data.query_ids)
    assert (again.texts, again.groups) == (data.texts, data.groups)


def test_writing_keeps_what_is_there(tmp_path, small):
    """An existing file is refused, or replaced on request; strange suffixes and names write nothing."""
    write_table(small, tmp_path / "w.csv")
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        write_table(small, tmp_path / "w.csv")
    write_table(small.select([0]), tmp_path / "w.csv", overwrite=True)
    assert len(read_table(tmp_path / "w.csv")) == 1
    with pytest.raises(ValueError, match=r"take a name in .csv, .tsv, .csv.gz or .parquet"):
        write_table(small, tmp_path / "w.xlsx")
    for llm in ("query", "id", "m_cost", "m|total_cost"):
        with pytest.raises(ValueError, match="can't be called"):
            wide_frame(Dataset([[1]], [[1]], llms=[llm]))
    assert [path.name for path in tmp_path.iterdir()] == ["w.csv"]


def test_without_pyarrow_the_error_says_what_to_install(tmp_path, small, monkeypatch):
    """Reading and writing Parquet name the extra and leave nothing behind; CSV needs no pyarrow."""
    path = tmp_path / "w.parquet"
    write_table(small, path)
    for module in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    message = r'reading and writing Parquet needs pyarrow; install it with: pip install "optllm-pymoo\[parquet\]"'
    with pytest.raises(ImportError, match=message):
        read_table(path)
    with pytest.raises(ImportError, match=message):
        write_table(small, tmp_path / "new.parquet")
    assert [file.name for file in tmp_path.iterdir()] == ["w.parquet"]


def test_a_missing_file_is_named(tmp_path):
    """The path stands in the message."""
    with pytest.raises(FileNotFoundError, match=r"neither a folder nor a file .*w.csv"):
        read_table(tmp_path / "w.csv")
