"""Removal of patient identity from volumes, series and texts."""
