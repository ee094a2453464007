"""A second scan beside the one on screen: opened, linked, registered, compared."""
