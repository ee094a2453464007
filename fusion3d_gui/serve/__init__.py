"""Processes without a window: the listening node."""
