"""Turn values into gray levels: window level, its presets, thumbnails."""
