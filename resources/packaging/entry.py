"""What the frozen program runs: the command ``fusion3d``, also as a worker of several processes."""

from __future__ import annotations

import multiprocessing
import sys

from fusion3d_gui.__main__ import main

if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
