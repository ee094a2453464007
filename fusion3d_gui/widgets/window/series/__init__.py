"""The list of series beside the views."""
