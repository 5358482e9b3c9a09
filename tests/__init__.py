"""Tests of the package; they mirror its folders, one file per module."""
