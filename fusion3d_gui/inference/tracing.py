"""``tracing``: torch.fx changes every network of the process while it traces one; others wait for it."""

from __future__ import annotations

import threading

#: Held while torch.fx traces (it replaces ``nn.Module.__call__`` for all threads meanwhile), and
#: by whoever runs a network on another thread than that of the engines.
tracing = threading.RLock()
