"""Nodes: how a PACS is reached, with which secret and which certificates."""
