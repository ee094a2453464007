"""What a reader marks on a scan, in patient space, and what it measures."""
