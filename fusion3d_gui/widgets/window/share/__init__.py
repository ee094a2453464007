"""The dialog that shares a result, with its preview."""
