"""Vendor quirks: private encodings of volumes, one module for each."""
