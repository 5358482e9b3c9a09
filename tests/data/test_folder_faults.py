"""Every way in which a file of a folder can be at fault, found at its place."""

import gzip

import pytest

from optllm_pymoo.data import DataFileError, load_dataset

# name of the file, its content, then line, column and message of the error
FAULTS = {
    "text in a number column": (
        "cost",
        "query_id,small,large\nq1,0.1,2\nq2,0.2,high\nq3,0,1\n",
        3,
        "large",
        "found 'high'",
    ),
    "empty cell": (
        "cost",
        "query_id,small,large\nq1,0.1,2\nq2,,3\nq3,0,1\n",
        3,
        "small",
        "found an empty cell",
    ),
    "NaN in cost": (
        "cost",
        "query_id,small,large\nq1,nan,2\nq2,1,3\nq3,0,1\n",
        2,
        "small",
        "found an empty cell or NA",
    ),
    "NaN in correct": (
        "correct",
        "query_id,small,large\nq1,0,1\nq2,0,NaN\nq3,0,1\n",
        3,
        "large",
        "found an empty cell or NA",
    ),
    "thousands": (
        "cost",
        'query_id,small,large\nq1,0,1\nq2,0,1\nq3,"1,000",1\n',
        4,
        "small",
        "found '1,000'",
    ),
    "underscore": ("cost", "query_id,small,large\nq1,0,1\nq2,0,1\nq3,1_0,1\n", 4, "small", "found '1_0'"),
    "negative cost": ("cost", "query_id,small,large\nq1,0,1\nq2,0,-1\nq3,1,1\n", 3, "large", "found -1.0"),
    "infinite cost": ("cost", "query_id,small,large\nq1,0,1\nq2,0,1\nq3,inf,1\n", 4, "small", "found inf"),
    "label above 1": (
        "correct",
        "query_id,small,large\nq1,0,2\nq2,0,1\nq3,1,1\n",
        2,
        "large",
        r"in \[0, 1\]; found 2",
    ),
    "missing column": ("cost", "key,small,large\nq1,0,1\n", 1, "query_id", "there are 'key', 'small', 'large'"),
    "no LLM": ("cost", "query_id\nq1\nq2\nq3\n", 1, None, "there is no LLM column beside query_id"),
    "nameless column": ("cost", "query_id,,large\nq1,0,1\n", 1, None, "column 2 has no name"),
    "repeated column": ("cost", "query_id,small,small\nq1,0,1\n", 1, "small", "occurs twice"),
    "other LLM": (
        "correct",
        "query_id,small,big\nq1,0,1\nq2,0,1\nq3,0,1\n",
        1,
        "big",
        "column 2 is 'large' in cost.csv",
    ),
    "LLMs in other order": (
        "correct",
        "query_id,large,small\nq1,0,1\nq2,0,1\nq3,0,1\n",
        1,
        "large",
        "column 1 is 'small' in cost.csv",
    ),
    "an LLM more": (
        "correct",
        "query_id,small,large,xl\nq1,0,1,0\nq2,0,1,0\nq3,0,1,0\n",
        1,
        None,
        "3 LLM columns, but 2.*: 'xl'",
    ),
    "repeated id": (
        "queries",
        'query_id,text\nq1,"a\nb"\nq2,x\nq1,y\n',
        5,
        "query_id",
        "'q1' is already on line 2",
    ),
    "empty id": ("queries", 'query_id,text\nq1,"a\nb"\n"",x\nq3,y\n', 4, "query_id", "this query has no id"),
    "other id": (
        "cost",
        "query_id,small,large\nq1,0,1\nq7,0,1\nq3,1,1\n",
        3,
        "query_id",
        "'q7' where queries.csv has 'q2'",
    ),
    "other order": (
        "correct",
        "query_id,small,large\nq2,0,1\nq1,0,1\nq3,1,1\n",
        2,
        "query_id",
        "found query 'q2' where",
    ),
    "missing row": (
        "cost",
        "query_id,small,large\nq1,0,1\nq2,0,1\n",
        None,
        None,
        "there are 2 queries, but 3 in queries",
    ),
    "short record": (
        "cost",
        "query_id,small,large\nq1,0,1\nq2,0\nq3,0,1\n",
        3,
        None,
        "expected 3 cells.*found 2",
    ),
    "short text record": (
        "queries",
        "query_id,text,group\nq1,a,g\nq2,b\nq3,c,g\n",
        3,
        None,
        "expected 3 cells.*found 2",
    ),
    "long record": (
        "cost",
        "query_id,small,large\nq1,0,1\nq2,0,1,5\nq3,0,1\n",
        3,
        None,
        "expected 3 cells.*found 4",
    ),
    "long first record": (
        "cost",
        "query_id,small,large\nq1,0,1,5\nq2,0,1\nq3,0,1\n",
        2,
        None,
        "expected 3 cells.*found 4",
    ),
    "all records long": (
        "cost",
        "query_id,small,large\nq1,0,1,\nq2,0,1,\nq3,0,1,\n",
        2,
        None,
        "expected 3 cells.*found 4",
    ),
    "unquoted comma": (
        "queries",
        "query_id,text,group\nq1,a,g\nq2,b, c,g\nq3,c,g\n",
        3,
        None,
        "expected 3 cells.*found 4",
    ),
    "open quote": (
        "queries",
        'query_id,text,group\nq1,a,g\nq2,"b,g\nq3,c,g\n',
        3,
        None,
        "a quote may not be closed",
    ),
    "empty file": ("cost", "", 1, None, "the file is empty; expected a header"),
    "header alone": ("cost", "query_id,small,large\n", 1, None, "no record below the header"),
}


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named_with_file_line_and_column(folder, fault, gzipped):
    """Every fault is found on the line on which its record starts, whether the file is packed or not."""
    stem, content, line, column, message = FAULTS[fault]
    path = folder / f"{stem}.csv"
    path.write_text(content)
    if gzipped:
        path.unlink()
        path = folder / f"{stem}.csv.gz"
        path.write_bytes(gzip.compress(content.encode()))
    with pytest.raises(DataFileError, match=message) as caught:
        load_dataset(folder)
    assert (caught.value.path, caught.value.line, caught.value.column) == (path, line, column)
    assert str(caught.value).startswith(str(path))
