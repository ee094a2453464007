"""The state of the open window: parts that change it, Qt signals, worker threads."""
