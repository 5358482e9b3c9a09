"""What is raised when a data file can't be read as it stands."""

from __future__ import annotations

from os import PathLike

from optllm_pymoo.validation import UserError


class DataFileError(UserError):
    """A file that can't be read, with the place where it goes wrong.

    Attributes:
        path: The file.
        problem: What was found there and what was expected.
        line: Line of the file on which the record starts, counted from 1; None if the whole file is at fault.
        column: Name of the column; None if the whole record is at fault.

    Examples:
        >>> print(DataFileError("cost.csv", "expected a number, found 'n/a'", 7, "gpt-4"))
        cost.csv, line 7, column 'gpt-4': expected a number, found 'n/a'
    """

    def __init__(
        self, path: str | PathLike[str], problem: str, line: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(path, problem, line, column)
        self.path = path
        self.problem = problem
        self.line = line
        self.column = column

    def __str__(self) -> str:
        """The place, then the problem."""
        place = str(self.path)
        if self.line is not None:
            place += f", line {self.line}"
        if self.column is not None:
            place += f", column {self.column!r}"
        return f"{place}: {self.problem}"
