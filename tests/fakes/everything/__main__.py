"""`python -m tests.fakes.everything --port N`: both protocol eras on http://127.0.0.1:N/mcp.

With port 0 it takes a free one. The first line it prints is the port; by then the port takes connections.
"""

from __future__ import annotations

import argparse
import socket

import uvicorn

from tests.fakes.everything.replay import Replay
from tests.fakes.everything.server import build

RETRY_MILLISECONDS = 100


def main() -> None:
    """Serve until ended by a signal."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.everything")
    parser.add_argument("--port", type=int, default=0)
    listener = socket.create_server(("127.0.0.1", parser.parse_args().port))
    print(listener.getsockname()[1], flush=True)
    app = build().streamable_http_app(event_store=Replay(), retry_interval=RETRY_MILLISECONDS)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
