"""Compiled kernels: plain arrays in, plain arrays out.

Nothing here imports pymoo, a problem or an operator. Every kernel has a readable numpy twin in the tests.
All of them are compiled lazily, once per signature, and cached on disk. Tables are float32 or float64,
assignments int8 (up to 127 LLMs) or int32: at most four signatures.
"""

from optllm_pymoo.validation import UserError

try:
    import numba as _numba  # noqa: F401  # first here, whichever kernel is asked for
except ValueError as error:
    raise UserError(f"numba can't start, see the environment variable NUMBA_NUM_THREADS: {error}") from None
