"""Pixel data: codecs, colours as grey levels, the frames of a file, a whole stack as one array."""
