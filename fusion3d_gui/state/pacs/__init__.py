"""The PACS in the window: nodes, finding, opening while images arrive, the worklist, the queue."""
