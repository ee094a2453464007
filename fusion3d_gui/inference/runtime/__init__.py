"""Process-wide concerns: importing torch, returning memory."""
