"""What a report may consist of."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure

from benchmarks.report.document import Column, Details, Document, FigureBlock, Section, TableBlock, Text, picture_files


@pytest.mark.parametrize("sentence", ["", "  \n"])
def test_a_figure_has_to_say_what_it_shows(sentence):
    """An empty sentence or title is refused, with the figure's name."""
    with pytest.raises(ValueError, match="figure 'fronts' has no sentence"):
        FigureBlock("fronts", Figure(), "Fronts", sentence)
    with pytest.raises(ValueError, match="figure 'fronts' has no title"):
        FigureBlock("fronts", Figure(), sentence, "It shows.")
    assert FigureBlock("fronts", Figure(), "Fronts", "It shows.").sentence == "It shows."


def test_tables_are_checked_at_once():
    """Not only when the report is written, hours later."""
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(ValueError, match="the frame has no column 'b'; it has a"):
        TableBlock(frame, [Column("b", "", "b")], "Numbers")
    with pytest.raises(ValueError, match="needs a caption"):
        TableBlock(frame, [Column("a", "", "a")], "")


def test_headings_belong_to_sections():
    """Text with a heading would put the contents out of order; a number sign elsewhere is fine."""
    with pytest.raises(ValueError, match="text has a heading, '## Results'"):
        Text("Some\n\n## Results\n")
    with pytest.raises(ValueError, match="text has a heading"):
        Document("t", "# s", [])
    assert Text("#1 of 3, C# and\n    # indented code").markdown


def test_file_names_are_unique():
    """Figures of two data sets whose names come to the same get files of their own, also within sections."""
    blocks = [FigureBlock(name, Figure(), "t", "s") for name in ("a b", "a/b", "A-B", "c")]
    inner = [Section("x", [Details("more", blocks[:2]), blocks[2]])]
    document = Document("t", "s", [Section("1", inner), Section("2", [blocks[3], blocks[3]])])
    assert picture_files(document) == {
        id(block): name for block, name in zip(blocks, ["a-b.svg", "a-b-2.svg", "a-b-3.svg", "c.svg"], strict=True)
    }
