"""The folder that ExecuTorch's Core ML delegate carries in a program, as one run of bytes.

Layout as in ExecuTorch's ``backends/apple/coreml/runtime/inmemoryfs``: the content of all files, then a JSON object,
written backwards so that it is found from the end. Its ``nodes`` are files (``kind`` 0, ``dataRegion`` in bytes) and
folders (``kind`` 1, ``children`` by name, numbers of earlier nodes); the last one is the folder itself.

ExecuTorch's wheel has native functions for both (``executorchcoreml``). Its writer takes files in the order in which a
disk lists them, so that one folder gives other bytes on another disk; its reader trusts what it reads.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from gfnet_mobile.errors import UserError

FILE, FOLDER = 0, 1


def flatten(files: Mapping[str, bytes]) -> bytes:
    """``files`` by path, such as ``model.mlpackage/Manifest.json``; the same bytes whatever their order."""
    tree: dict[str, Any] = {}
    for path, content in sorted(files.items()):
        *folders, name = PurePosixPath(path).parts
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = content
    nodes: list[dict[str, Any]] = []
    data = bytearray()
    _add("lowered_module", tree, nodes, data)
    text = json.dumps({"nodes": nodes}, separators=(",", ":")).encode()
    return bytes(data) + text[::-1]


def _add(name: str, item: Any, nodes: list[dict[str, Any]], data: bytearray) -> int:
    """The number of the node of ``item``, a file's content or a folder."""
    region, children = {"offset": 0, "size": 0}, {}
    if isinstance(item, bytes):
        region = {"offset": len(data), "size": len(item)}
        data += item
    else:
        children = {child: _add(child, inside, nodes, data) for child, inside in item.items()}
    kind = FILE if isinstance(item, bytes) else FOLDER
    nodes.append({"name": name, "kind": kind, "dataRegion": region, "children": children})
    return len(nodes) - 1


def unflatten(payload: bytes) -> dict[str, bytes]:
    """Files by path. Raises UserError for bytes that are no such folder."""
    try:
        described, _ = json.JSONDecoder().raw_decode(payload[::-1].decode("latin-1"))
        return dict(_files(described["nodes"], payload))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError("no folder that a Core ML delegate could carry; export again") from error


def _files(nodes: Any, payload: bytes) -> Iterator[tuple[str, bytes]]:
    """Raises ValueError where a node is used twice, or files share bytes: there could be no end of them."""
    waiting, used, left = [("", len(nodes) - 1)], set(), len(payload)
    while waiting:
        path, number = waiting.pop()
        if not 0 <= number < len(nodes) or number in used:
            raise ValueError
        used.add(number)
        node = nodes[number]
        if node["kind"] == FILE:
            start, size = node["dataRegion"]["offset"], node["dataRegion"]["size"]
            left -= size
            if start < 0 or size < 0 or start + size > len(payload) or left < 0:
                raise ValueError
            yield path, payload[start : start + size]
            continue
        for name, child in node["children"].items():
            if not name.isprintable() or name in ("", ".", "..") or any(sign in name for sign in "/\\:"):
                raise ValueError
            waiting.append((f"{path}/{name}" if path else name, child))
