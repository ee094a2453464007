"""Predictions of a whole table of cases, row by row: resumable, in one process or several."""
