"""Entry point of ``python -m benchmarks``."""

import sys


def main() -> None:
    """Run the command that the arguments name; Ctrl-C ends it as `run` does, while libraries are loaded, too."""
    try:
        from benchmarks.cli import app

        app(prog_name="python -m benchmarks")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
