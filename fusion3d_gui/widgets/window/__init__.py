"""The main window around views and side panel."""
