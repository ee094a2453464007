"""The command line: argument parser, the commands behind it, terminal output."""
