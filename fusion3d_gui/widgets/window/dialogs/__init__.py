"""Dialogs of the main window for files, tags and confirmations."""
