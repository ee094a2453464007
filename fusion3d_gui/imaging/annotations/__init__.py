"""Marks on a scan in patient space, and what they measure."""
