"""Runs cells in order, in processes or on a cluster, and stores each, so that a stopped run can continue."""
