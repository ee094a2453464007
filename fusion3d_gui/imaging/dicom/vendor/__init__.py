"""Private encodings of volumes by vendors, one module for each."""
