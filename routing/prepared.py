"""Arrays of a prepared area in one file: a header that says what they are, a checksum, and memory that is mapped.

A file begins with MAGIC and the length of a JSON header (uint64, little-endian). The header names the kind of file, its
version, what it was made from, the SHA-256 of itself and all that follows, and type, shape and place of each array. The
arrays start at multiples of 64 bytes, so that they can be read as they lie. The same arrays give the same bytes.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.times import RoadError

MAGIC = b"NORIAI\r\n"
"""A file that went through a program that changes line ends is recognised, as with PNG."""

ALIGNMENT = 64

Arrays = Mapping[str, NDArray[Any]]


def save(path: Path, kind: str, version: int, arrays: Arrays, **about: object) -> None:
    """Write arrays and what is known about them; `about` must be fit for JSON."""
    offset, table, parts = 0, {}, []
    for name, array in arrays.items():
        data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        table[name] = {"type": array.dtype.newbyteorder("<").str, "shape": array.shape, "offset": offset}
        data += bytes(-len(data) % ALIGNMENT)
        offset += len(data)
        parts.append(data)
    header: dict[str, Any] = {"kind": kind, "version": version, "about": about, "bytes": offset, "arrays": table}
    text = _written(header | {"sha256": _checksum(header, b"".join(parts))})
    text += b" " * (-(len(MAGIC) + 8 + len(text)) % ALIGNMENT)
    with path.open("wb") as file:
        file.write(MAGIC + len(text).to_bytes(8, "little") + text)
        file.writelines(parts)


def load(path: Path, kind: str, version: int) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Map the arrays of a file into memory, read-only, and give what is known about them.

    Raises RoadError when the file is missing, cut off, changed, of another kind or another version.
    """
    again = "Prepare the area again: noriai area add NAME SOURCE."
    try:
        header, start = _read_header(path)
    except (OSError, ValueError) as error:
        raise RoadError(f"{path} is missing or damaged ({error}). {again}") from error
    if (header["kind"], header["version"]) != (kind, version):
        found = f"{header['kind']} of version {header['version']}"
        raise RoadError(f"{path} holds {found}; this program reads {kind} of version {version}. {again}")
    if path.stat().st_size != start + header["bytes"]:
        raise RoadError(f"{path} is cut off or has grown: {path.stat().st_size} bytes. {again}")
    memory = np.asarray(np.memmap(path, np.uint8, mode="r", offset=start)) if header["bytes"] else np.empty(0, np.uint8)
    if _checksum(header, memory.data) != header["sha256"]:
        raise RoadError(f"{path} was changed or damaged since it was written: its checksum differs. {again}")
    return {name: _view(memory, **what) for name, what in header["arrays"].items()}, header["about"]


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Give the header and where the arrays begin. Raises OSError and ValueError."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it is no file of a prepared area")
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            raise ValueError("it is cut off")
        header = json.loads(file.read(length))
    missing = {"kind", "version", "about", "bytes", "sha256", "arrays"} - set(header)
    if missing:
        raise ValueError(f"its header lacks {', '.join(sorted(missing))}")
    return header, len(MAGIC) + 8 + length


def _checksum(header: Mapping[str, Any], data: bytes | memoryview) -> str:
    """Digest the arrays, and all that the header says but their digest."""
    digest = sha256(_written({name: said for name, said in header.items() if name != "sha256"}))
    digest.update(data)
    return digest.hexdigest()


def _written(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, ensure_ascii=False).encode()


def _view(memory: NDArray[np.uint8], *, type: str, shape: list[int], offset: int) -> NDArray[Any]:
    kind = np.dtype(type)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    return memory[offset : offset + size].view(kind).reshape(shape)
