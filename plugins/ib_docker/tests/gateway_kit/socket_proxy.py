"""A way to the engine that can be cut and mended, and one that looks like another machine."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress


class SocketProxy:
    """Pass connections on to a Unix socket.

    Args:
        target: Path of the engine's socket.
        path: Where to listen; None listens on a TCP port of the loopback interface.
    """

    def __init__(self, target, path=None):
        self._target = target
        self._path = path
        self._open = set()
        self._lock = threading.Lock()
        self.mend()

    @property
    def url(self):
        if self._path is not None:
            return f"unix://{self._path}"
        return f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self):
        """Stop listening and break every connection."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        if self._path is not None:
            self._path.unlink()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def mend(self):
        """Listen again."""
        if self._path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self._path))
            self._listener.listen(20)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client):
        with client, socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self._target)
            peers = {client: engine, engine: client}
            with self._lock:
                self._open |= set(peers)
            try:
                while peers:
                    for ready in select.select(list(peers), [], [])[0]:
                        data = ready.recv(65536)
                        if data:
                            peers[ready].sendall(data)
                        elif ready is engine:
                            return
                        else:
                            # Half closed: the engine may still have something to say.
                            engine.shutdown(socket.SHUT_WR)
                            del peers[client]
                            peers = {engine: client}
            except OSError:
                return
            finally:
                with self._lock:
                    self._open -= {client, engine}
