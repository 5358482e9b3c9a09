"""Runs cells: in which order, where, and what is kept of each, so that a run can be stopped and gone on with."""
