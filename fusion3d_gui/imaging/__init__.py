"""Files in, volumes in patient space out. LPS millimetres everywhere inside."""
