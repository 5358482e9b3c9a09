"""Writes a report: Markdown with its pictures, and one HTML page."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from benchmarks.report.document import Document, FigureBlock, blocks_of, picture_files
from benchmarks.report.html import to_html
from benchmarks.report.markdown import FOLDER, to_markdown
from optllm_pymoo.data import replacing_folder, write_text_atomically


def write_report(document: Document, folder: Path, /) -> list[Path]:
    """Write ``report.md``, ``figures/`` and ``report.html``, each complete or not at all.

    The same document gives the same bytes.

    Args:
        document: What to write.
        folder: Made if it isn't there; its figures are replaced as a whole, files of others stay.

    Returns:
        The two files and the pictures.

    Raises:
        OSError: If the folder can't be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text, page, figures = folder / "report.md", folder / "report.html", folder / FOLDER
    files = picture_files(document)
    pictures = {id(b): svg_of(b.figure) for b in blocks_of(document) if isinstance(b, FigureBlock)}
    with replacing_folder(figures, overwrite=True, ours=["*.svg"]) as temporary:
        for key, picture in pictures.items():
            (temporary / files[key]).write_bytes(picture)
    write_text_atomically(text, to_markdown(document))
    write_text_atomically(page, to_html(document, pictures))
    return [text, page, *(figures / name for name in files.values())]


def svg_of(figure: Figure, /) -> bytes:
    """Draw a figure as SVG: letters as outlines, so that it looks the same everywhere, and no date."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "optllm-pymoo", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
