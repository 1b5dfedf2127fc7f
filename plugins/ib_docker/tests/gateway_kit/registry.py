"""A container registry on the loopback interface with one small image in it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LARGE = 100_000
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Registry:
    """Serve ``tiny:1``: one layer of noise, `size` bytes long.

    With `gate`, the second half of the layer is held back until the gate is set.
    """

    def __init__(self, *, architecture, size=3_000_000, gate=None):
        self._gate = gate
        noise = os.urandom(size)  # no engine has this layer already
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            entry = tarfile.TarInfo("noise")
            entry.size = size
            tar.addfile(entry, io.BytesIO(noise))
        layer = gzip.compress(packed.getvalue(), 1, mtime=0)
        config = json.dumps(
            {
                "architecture": architecture,
                "os": "linux",
                "config": {"Cmd": ["/noise"]},
                "rootfs": {"type": "layers", "diff_ids": [_digest(packed.getvalue())]},
            }
        ).encode()
        parts = [(config, "container.image.v1"), (layer, "image.rootfs.diff.tar.gzip")]
        self._blobs = {_digest(content): content for content, _ in parts}
        described = [
            {
                "mediaType": f"application/vnd.docker.{kind}",
                "size": len(content),
                "digest": _digest(content),
            }
            for content, kind in parts
        ]
        self._manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": described[0]
                | {"mediaType": f"application/vnd.docker.{parts[0][1]}+json"},
                "layers": [described[1]],
            }
        ).encode()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def image(self, tag="1"):
        return f"127.0.0.1:{self._server.server_port}/tiny:{tag}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        if self._gate is not None:
            self._gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self):
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                self.reply(*registry.find(self.path), body=False)

            def do_GET(self):
                self.reply(*registry.find(self.path), body=True)

            def reply(self, code, content, kind, *, body):
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Docker-Content-Digest", _digest(content))
                self.end_headers()
                if body:
                    with suppress(OSError):  # the engine cancelled
                        registry.send(self.wfile, content)

            def log_message(self, *_):
                return

        return Handler

    def find(self, path):
        """Return status, content and type for a path."""
        kind, _, reference = path.rpartition("/")
        if path == "/v2/":
            return 200, b"{}", "application/json"
        if kind.endswith("/blobs") and reference in self._blobs:
            return 200, self._blobs[reference], "application/octet-stream"
        if reference in {"1", _digest(self._manifest)}:
            return 200, self._manifest, _MANIFEST
        unknown = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
        return 404, json.dumps(unknown).encode(), "application/json"

    def send(self, stream, content):
        """Send the content, the second half of the layer only when the gate is open."""
        half = len(content) // 2
        stream.write(content[:half])
        stream.flush()
        if self._gate is not None and len(content) > _LARGE:
            self._gate.wait(30)
        stream.write(content[half:])


def _digest(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
