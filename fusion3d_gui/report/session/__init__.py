"""The session file ``case.fusion3d``: a case as it was left, in one file without code."""
