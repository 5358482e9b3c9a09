"""Entry point of ``python -m benchmarks``."""

import sys

from optllm_pymoo.signals import exit_code, heed_sigterm


def main() -> None:
    """Run the command that the arguments name; Ctrl-C and SIGTERM end it, while libraries are loaded, too."""
    heed_sigterm()
    try:
        from benchmarks.cli import app

        app(prog_name="python -m benchmarks")
    except KeyboardInterrupt as end:
        sys.exit(exit_code(end))


if __name__ == "__main__":
    main()
