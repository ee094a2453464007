"""The reader's work on a case, kept on disk and restored when the same case is opened again."""
