"""Every chart in the window, drawn by pyqtgraph in the theme's colours."""
