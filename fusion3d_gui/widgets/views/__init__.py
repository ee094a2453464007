"""Layouts of linked views."""
