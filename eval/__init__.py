"""Metrics, plots, reports, and the command line on top."""
