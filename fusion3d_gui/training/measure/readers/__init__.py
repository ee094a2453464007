"""Reader studies: AUC by arm and reader, multi-reader multi-case tests, agreement, time, changed reads."""
