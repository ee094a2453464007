"""The network, its configuration and its loss."""
