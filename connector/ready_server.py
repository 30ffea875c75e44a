"""A uvicorn server that says when it is ready; for the sandbox and for ``serve``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


class ReadyServer(uvicorn.Server):
    """A server that calls *on_ready* once it accepts requests."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        """Create the server of *config*."""
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept requests, and say so."""
        await super().startup(sockets)
        self._on_ready()
