"""Masks on the slice views: what is drawn of them, the brush, and their panel."""
