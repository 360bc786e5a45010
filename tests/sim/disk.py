"""A disk that forgets: deterministic, by seed, with the faults real ones have.

What is written but not synced may be lost, kept or torn by a crash, file content and names each on
their own. A sync that failed has lost what it should have made durable, whatever later syncs say.
"""

import errno
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SECTOR_BYTES = 512


class Crashed(BaseException):
    """The power is off: no code of the process that held the disk runs on from here."""


@dataclass(slots=True)
class Node:
    """A file's content: as the process sees it, and as it is on the platters."""

    current: bytearray = field(default_factory=bytearray)
    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes]] = field(default_factory=list)

    def write(self, offset: int, data: bytes) -> None:
        _put(self.current, offset, data)
        self.pending.append((offset, data))

    def sync(self) -> None:
        for offset, data in self.pending:
            _put(self.synced, offset, data)
        self.pending.clear()

    def survive(self, rng: random.Random) -> None:
        """Bring to the platters what a crash, or a failed sync, happened to leave there."""
        mode = rng.choice(("all", "none", "prefix", "sectors", "sectors"))
        if mode == "all":
            self.sync()
        elif mode == "prefix":
            self._keep_prefix(rng)
        elif mode == "sectors":
            self._keep_sectors(rng)
        self.pending.clear()

    def _keep_prefix(self, rng: random.Random) -> None:
        left = rng.randint(0, sum(len(data) for _, data in self.pending))
        for offset, data in self.pending:
            _put(self.synced, offset, data[:left])
            left -= min(left, len(data))

    def _keep_sectors(self, rng: random.Random) -> None:
        touching: dict[int, list[tuple[int, bytes]]] = {}
        for offset, data in self.pending:
            begin = offset
            while begin < offset + len(data):
                sector = begin // SECTOR_BYTES
                end = min((sector + 1) * SECTOR_BYTES, offset + len(data))
                piece = data[begin - offset : end - offset]
                touching.setdefault(sector, []).append((begin, piece))
                begin = end
        for pieces in touching.values():
            for begin, piece in pieces[: rng.randint(0, len(pieces))]:
                _put(self.synced, begin, piece)


@dataclass(slots=True)
class _Held:
    disk: "SimDisk"
    path: str
    life: int

    def release(self) -> None:
        if self.life == self.disk.life:
            self.disk.locks.pop(self.path, None)


class SimFile:
    """A handle; worthless once the disk crashed."""

    def __init__(self, disk: "SimDisk", node: Node, path: str, *, write: bool) -> None:
        self._disk = disk
        self._node = node
        self._path = path
        self._write = write
        self._life = disk.life
        self._closed = False

    def pread(self, size: int, offset: int) -> bytes:
        self._call("pread")
        return bytes(self._node.current[offset : offset + size])

    def pwrite(self, parts: Sequence[bytes], offset: int) -> int:
        self._check()
        assert self._write, "written through a handle for reading"
        data = b"".join(parts)
        disk = self._disk
        try:
            disk.call("pwrite", self._path)
        except (OSError, Crashed):
            # The call may have got somewhere before it failed.
            self._node.write(offset, data[: disk.rng.randint(0, len(data))])
            raise
        if len(data) > 1 and disk.rng.random() < disk.short_writes:
            data = data[: disk.rng.randint(1, len(data) - 1)]
        disk.reserve(offset + len(data) - len(self._node.current))
        self._node.write(offset, data)
        return len(data)

    def sync(self) -> None:
        self._check()
        try:
            self._disk.call("sync", self._path)
        except (OSError, Crashed):
            self._node.survive(self._disk.rng)
            raise
        self._node.sync()

    def allocate(self, size: int) -> None:
        self._call("allocate")
        more = size - len(self._node.current)
        if more > 0:
            self._disk.reserve(more)
            self._node.write(size - more, bytes(more))

    def size(self) -> int:
        self._call("size")
        return len(self._node.current)

    def close(self) -> None:
        self._closed = True

    def _call(self, name: str) -> None:
        self._check()
        self._disk.call(name, self._path)

    def _check(self) -> None:
        if self._life != self._disk.life:
            raise Crashed("a handle from before the crash")
        if self._closed:
            raise OSError(errno.EBADF, "the file is closed", self._path)


class SimDisk:
    """Files in memory. Every call but `close` counts; faults are set by the attributes.

    - `fail_at`: numbers of calls that fail with EIO (`calls` counts from 1);
    - `crash_at`: the number of the call during which the power goes; all raise `Crashed` from
      then on, until `crash` turns the power on again;
    - `fail_when(name, path)`: an errno for calls chosen otherwise, or None;
    - `short_writes`: the share of writes that take only a part;
    - `capacity`: bytes of all files together; above it ENOSPC.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.life = 0
        self.calls = 0
        self.log: list[tuple[str, str]] = []
        self.fail_at: set[int] = set()
        self.crash_at: int | None = None
        self.fail_when: Callable[[str, str], int | None] | None = None
        self.short_writes = 0.0
        self.capacity: int | None = None
        self.locks: dict[str, bytes] = {}
        self._off = False
        self._directories: set[str] = {"", "/"}
        self._names: dict[str, Node] = {}
        self._synced_names: dict[str, Node] = {}
        # Each a set of names that change together: a rename is one.
        self._pending_names: list[dict[str, Node | None]] = []

    def crash(self) -> None:
        """Cut the power and turn it on again: what was not synced survives as chance has it."""
        for node in {id(node): node for node in self._nodes()}.values():
            node.survive(self.rng)
            node.current = bytearray(node.synced)
        self._crash_names()
        self.locks.clear()
        self.life += 1
        self._off = False
        self.crash_at = None

    def kill(self) -> None:
        """End the process that held the disk; the disk itself stays on and forgets nothing."""
        self.locks.clear()
        self.life += 1

    def flip(self, path: str, offset: int, mask: int = 0xFF) -> None:
        """Change a byte behind everyone's back."""
        node = self._names[path]
        node.current[offset] ^= mask
        if offset < len(node.synced):
            node.synced[offset] ^= mask

    def content(self, path: str) -> bytes:
        """Look at a file without a call."""
        return bytes(self._names[path].current)

    def replace(self, path: str, content: bytes) -> None:
        """Put a durable file in place without a call."""
        node = Node(bytearray(content), bytearray(content))
        self._names[path] = self._synced_names[path] = node
        self._directories.add(path.rpartition("/")[0])

    def paths(self) -> list[str]:
        """All paths, without a call."""
        return sorted(self._names)

    def used(self) -> int:
        """Bytes of all files."""
        return sum(len(node.current) for node in self._names.values())

    def call(self, name: str, path: str) -> None:
        """Count a call and let it fail if its time has come."""
        if self._off:
            raise Crashed("the power is off")
        self.calls += 1
        self.log.append((name, path))
        if self.calls == self.crash_at:
            self._off = True
            raise Crashed(f"during {name} of {path}")
        if self.calls in self.fail_at:
            raise OSError(errno.EIO, f"{name} failed", path)
        number = self.fail_when(name, path) if self.fail_when else None
        if number is not None:
            raise OSError(number, f"{name} failed", path)

    def reserve(self, more: int) -> None:
        """Take space, or fail for want of it."""
        if more > 0 and self.capacity is not None and self.used() + more > self.capacity:
            raise OSError(errno.ENOSPC, "no space left")

    def open(self, path: str, *, write: bool = True) -> SimFile:
        self.call("open", path)
        return SimFile(self, self._node(path), path, write=write)

    def create(self, path: str) -> SimFile:
        self.call("create", path)
        if path in self._names:
            raise FileExistsError(errno.EEXIST, "the file exists", path)
        assert path.rpartition("/")[0] in self._directories, "the directory is not there"
        node = Node()
        self._name({path: node})
        return SimFile(self, node, path, write=True)

    def rename(self, old: str, new: str) -> None:
        self.call("rename", old)
        node = self._node(old)
        self._name({old: None, new: node})

    def unlink(self, path: str) -> None:
        self.call("unlink", path)
        self._node(path)
        self._name({path: None})

    def names(self, directory: str) -> list[str]:
        self.call("names", directory)
        found = (path.rpartition("/") for path in self._names)
        return sorted(name for parent, _, name in found if parent == directory)

    def file_size(self, path: str) -> int:
        self.call("file_size", path)
        return len(self._node(path).current)

    def make_directory(self, path: str) -> None:
        self.call("make_directory", path)
        self._directories.add(path)

    def sync_directory(self, path: str) -> None:
        self.call("sync_directory", path)
        left = []
        for change in self._pending_names:
            if next(iter(change)).rpartition("/")[0] == path:
                _apply(self._synced_names, change)
            else:
                left.append(change)
        self._pending_names = left

    def lock(self, path: str, note: bytes) -> _Held | bytes:
        self.call("lock", path)
        holder = self.locks.get(path)
        if holder is not None:
            return holder
        self.locks[path] = note
        return _Held(self, path, self.life)

    def _node(self, path: str) -> Node:
        if path not in self._names:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        return self._names[path]

    def _name(self, change: dict[str, Node | None]) -> None:
        _apply(self._names, change)
        self._pending_names.append(change)

    def _nodes(self) -> list[Node]:
        changed = (node for change in self._pending_names for node in change.values())
        named = [*self._names.values(), *self._synced_names.values()]
        return named + [node for node in changed if node is not None]

    def _crash_names(self) -> None:
        pending, self._pending_names = self._pending_names, []
        mode = self.rng.choice(("all", "none", "prefix", "some"))
        if mode == "none":
            pending = []
        elif mode == "prefix":
            pending = pending[: self.rng.randint(0, len(pending))]
        elif mode == "some":
            pending = [change for change in pending if self.rng.random() < 0.5]
        for change in pending:
            _apply(self._synced_names, change)
        self._names = dict(self._synced_names)


def _apply(names: dict[str, Node], change: dict[str, Node | None]) -> None:
    for path, node in change.items():
        if node is None:
            names.pop(path, None)
        else:
            names[path] = node


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if data and offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data
