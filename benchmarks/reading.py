"""A plane of a large cube over http: python -m benchmarks.reading [NUM] (464: 10⁸ points).

Computes a cube of NUM³ points, serves its folder by a web server that lists nothing and knows no
ranges, and reads a plane through it along each of its axes: seconds from the URL to the numbers,
files and bytes that were sent, and those of the chunks that the plane is in.
"""

import http.server
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import gridscan
from benchmarks.figures import cube_of
from gridscan.scans import runs


class Plain(http.server.SimpleHTTPRequestHandler):
    """Files, and what was sent of them as the answer to /sent."""

    sent: list[int] = []

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""

    def list_directory(self, path: Any) -> None:
        self.send_error(404)

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.sent.append(path.stat().st_size)
        elif self.path == "/sent":
            told = f"{len(self.sent)} {sum(self.sent)}".encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(told)
            self.sent.clear()
            return
        super().do_GET()


def serve(folder: str, port: Any) -> None:
    def handler(*how: Any) -> Plain:
        return Plain(*how, directory=folder)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    port.put(server.server_port)
    server.serve_forever()


def sent(url: str) -> tuple[int, int]:
    """Files and bytes since this was last asked."""
    import urllib.request

    with urllib.request.urlopen(f"{url}/sent") as answer:
        files, size = answer.read().split()
    return int(files), int(size)


def main(num: int = 464) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = runs.run(cube_of(num), folder)
        here = gridscan.open_cube(path)["chi2"]
        port = multiprocessing.Queue()
        server = multiprocessing.Process(target=serve, args=(folder, port), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{port.get()}"
        print("| plane | seconds | files | MB sent | MB of its chunks |\n|---|---|---|---|---|")
        for number, name in enumerate(here.dims):
            sent(url)
            began = time.perf_counter()
            found = gridscan.open_cube(f"{url}/{path.name}")["chi2"].isel({name: num // 2}).values
            seconds, (files, size) = time.perf_counter() - began, sent(url)
            block = num // 2 // here.encoding["chunks"][number]
            chunks = [
                file.stat().st_size
                for file in (path / "chi2" / "c").rglob("*")
                if file.is_file()
                and int(file.relative_to(path / "chi2" / "c").parts[number]) == block
            ]
            print(
                f"| {name} | {seconds:.2f} | {files} | {size / 1e6:.1f} | {sum(chunks) / 1e6:.1f} |"
            )
            np.testing.assert_array_equal(found, here.isel({name: num // 2}).values)
        server.terminate()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
