"""Find studies in a PACS, their series, the nodes, and the queue of what is sent."""
