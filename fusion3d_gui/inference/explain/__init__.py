"""Explanation methods, peaks of a heatmap, and sanity checks of an explanation."""
