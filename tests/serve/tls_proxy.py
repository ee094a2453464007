"""``tls_proxy``: TLS before a plain port of this machine, as a proxy before a model server does it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def tls_proxy(port: int, certificate: Path) -> Iterator[int]:
    """The port of the proxy to ``port``; ``certificate`` without its ending, the key lies beside it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.with_suffix(".pem"), certificate.with_suffix(".key"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    loop = asyncio.new_event_loop()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while block := await source.read(1 << 16):
                sink.write(block)
                await sink.drain()
        sink.close()

    async def relay(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        inner_source, inner_sink = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(source, inner_sink), pump(inner_source, sink))

    server = loop.run_until_complete(asyncio.start_server(relay, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
