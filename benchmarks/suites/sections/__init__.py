"""Sections of the suites' reports: small functions from tables of measurements to blocks of a document."""
