"""Writes a report: Markdown with its pictures, one HTML page, LaTeX, and the output on the terminal."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.markup import escape as rich_escape
from rich.table import Table

from benchmarks.report.document import Document, FigureBlock, TableBlock, blocks_of, picture_files
from benchmarks.report.html import to_html
from benchmarks.report.markdown import FOLDER, to_markdown
from benchmarks.report.text import unmarked
from optllm_pymoo.data import replacing_folder, write_text_atomically

_LATEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"},
    }
)


def write_report(document: Document, folder: Path, /, *, latex: bool = False) -> list[Path]:
    """Write ``report.md``, ``figures/`` and ``report.html``, each complete or not at all.

    The same document gives the same bytes.

    Args:
        document: The report.
        folder: Made if it doesn't exist; its figures are replaced as a whole, other files stay.
        latex: Whether to write ``tables.tex``, too.

    Returns:
        The files and the pictures.

    Raises:
        OSError: If the folder can't be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures, files = folder / FOLDER, picture_files(document)
    blocks = {id(block): block for block in blocks_of(document) if isinstance(block, FigureBlock)}
    pictures = {files[key]: svg_of(block.figure) for key, block in blocks.items()}
    with replacing_folder(figures, overwrite=True, ours=["*.svg"]) as temporary:
        for name, picture in pictures.items():
            (temporary / name).write_bytes(picture)
    markdown = to_markdown(document)
    page = to_html(markdown, {f"{FOLDER}/{name}": picture for name, picture in pictures.items()})
    written = {"report.md": markdown, "report.html": page, **({"tables.tex": to_latex(document)} if latex else {})}
    for name, text in written.items():
        write_text_atomically(folder / name, text)
    return [*(folder / name for name in written), *(figures / name for name in pictures)]


def svg_of(figure: Figure, /) -> bytes:
    """Draw a figure as SVG: letters as outlines, so that it looks the same everywhere, and no date."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "optllm-pymoo", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def to_latex(document: Document, /) -> str:
    """Write the tables of a document for LuaLaTeX or XeLaTeX with the package booktabs, one after the other."""
    lines = []
    for table in (block for block in blocks_of(document) if isinstance(block, TableBlock)):
        alignment = "l" * table.n_left + "r" * (len(table.columns) - table.n_left)
        rows = [[column.title.translate(_LATEX) for column in table.columns]]
        for k, texts in enumerate(table.texts()):
            cells = [text.translate(_LATEX) for text in texts]
            rows.append([rf"\textbf{{{cell}}}" for cell in cells] if k in table.bold else cells)
        head, *body = [f"{' & '.join(cells)} \\\\" for cells in rows]
        lines += [r"\begin{table}", rf"\caption{{{table.caption.translate(_LATEX)}}}"]
        lines += [rf"\begin{{tabular}}{{{alignment}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
        lines += [r"\end{tabular}", r"\end{table}", ""]
    return "\n".join(lines)


def print_document(document: Document, console: Console, /) -> None:
    """Print the tables that are meant for the terminal, and the summary."""
    for block in document.printed:
        table = Table(title=rich_escape(block.caption), title_justify="left", box=box.SIMPLE_HEAD, padding=0)
        columns = [column for column in block.columns if column.short]
        for k, column in enumerate(columns):
            table.add_column(column.short, justify="left" if k < block.n_left else "right", no_wrap=k > 0)
        for k, texts in enumerate(block.texts(columns)):
            table.add_row(*map(rich_escape, texts), style="bold" if k in block.bold else None)
        console.print(table)
    console.print(unmarked(document.summary).replace("\n* ", "\n• ").replace("* ", "• ", 1), markup=False)
