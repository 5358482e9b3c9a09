"""From measurements to one page: a document of text, tables and figures, written as Markdown and as HTML."""
