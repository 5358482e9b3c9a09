"""What differences between algorithms are worth: ranks over blocks, effect sizes, intervals, wins, growth."""
