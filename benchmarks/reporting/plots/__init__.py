"""Figures of a report, one module per kind; each returns a block whose sentence is computed from the numbers."""
