"""Servers on loopback that tests read cubes from: real sockets, real protocols."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Served:
    """What a server gave away, and whether it still does."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    bytes: int = 0
    left: int = 10**9
    """Answers until it fails."""
    endless: str = ""
    """The end of the paths whose answers never end."""


@contextmanager
def served(folder: Path, listing: bool = False) -> Iterator[Served]:
    """A folder over plain http, without ranges; with a page of its contents if `listing`."""
    found = Served()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_) -> None:
            """Nobody reads it."""

        def list_directory(self, path):
            if listing:
                return super().list_directory(path)
            return self.send_error(404)

        def do_GET(self) -> None:
            found.paths.append(self.path)
            found.left -= 1
            if found.left < 0:
                return self.send_error(503)
            if found.endless and self.path.endswith(found.endless):
                return self.send_without_end()
            return super().do_GET()

        def send_without_end(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(ConnectionError):
                while True:
                    found.bytes += self.wfile.write(bytes(2**16))

        def copyfile(self, source, outputfile) -> None:
            data = source.read()
            found.bytes += len(data)
            outputfile.write(data)

    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        found.url = f"http://127.0.0.1:{server.server_port}"
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
