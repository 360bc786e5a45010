"""An HTTP endpoint in a thread of its own, which answers as a test wants."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hook:
    """What was posted, in order; `answer(n)` gives the status of the `n`th answer, from 1."""

    url: str = ""
    answer: Callable[[int], int] = lambda _: 200
    body: bytes = b"thanks"
    location: str = ""
    retry_after: str = ""
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    most_at_once: int = 0
    under_way: int = 0
    go_on: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.go_on.set()

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, body in self.posts]


@contextmanager
def hooked() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with hook.lock:
                hook.posts.append((dict(self.headers), body))
                count = len(hook.posts)
                hook.under_way += 1
                hook.most_at_once = max(hook.most_at_once, hook.under_way)
            hook.go_on.wait(10)
            with hook.lock:
                hook.under_way -= 1
            try:
                self.send_response(hook.answer(count))
                if hook.location:
                    self.send_header("Location", hook.location)
                if hook.retry_after:
                    self.send_header("Retry-After", hook.retry_after)
                self.send_header("Content-Length", str(len(hook.body)))
                self.end_headers()
                self.wfile.write(hook.body)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    hook.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hook
    finally:
        hook.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
