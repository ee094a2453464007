"""Fusion3D: look at a model's prediction on a 3D scan."""

__version__ = "0.1.0"

RESEARCH_USE_ONLY = "Research use only"
