"""The awkward sample, composed and written once."""

from __future__ import annotations

import pytest

from tests.benchmarks.report.sample import sample_document


@pytest.fixture(scope="session")
def document():
    """Every kind of block, names that want to break out of them."""
    return sample_document()


@pytest.fixture(scope="session")
def report(document, tmp_path_factory):
    """Folder with the report on it."""
    from benchmarks.report.writer import write_report

    folder = tmp_path_factory.mktemp("report")
    write_report(document, folder)
    return folder
