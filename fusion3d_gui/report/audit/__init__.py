"""The audit log: what was asked, what the models said, what left; a chain of hashes shows whether it was changed."""
