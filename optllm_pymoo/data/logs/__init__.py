"""Logs of graded runs: a small reader per harness, found by what is in a file."""

from optllm_pymoo.data.logs.log import Call, Log, Reader
from optllm_pymoo.data.logs.readers import READERS, read_log, reader_of

__all__ = ["READERS", "Call", "Log", "Reader", "read_log", "reader_of"]
