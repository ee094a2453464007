"""Pixel data: codecs, frames of a file, a whole stack into one array."""
