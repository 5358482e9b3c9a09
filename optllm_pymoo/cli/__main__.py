"""`python -m optllm_pymoo.cli`."""

from optllm_pymoo.cli import main

main()
