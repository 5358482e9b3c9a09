"""What is measured: cells that describe themselves, and what comes of each."""
