"""Masks on the case on screen: the list of them, and drawing."""
