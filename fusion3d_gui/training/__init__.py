"""Cohorts, tables, fitting and evaluation (extra `[train]`)."""
