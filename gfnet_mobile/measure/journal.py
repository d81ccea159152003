"""A journal: JSON lines that are on the disk before anything else happens, so that a measurement can go on after any
end."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from gfnet_mobile.errors import UserError
from gfnet_mobile.files import explained

Line = dict[str, Any]


class Journal:
    """An open journal and its ``lines``. When it is opened, a last line whose writing was interrupted is cut off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab+")
            self._file.seek(0)
            content = self._file.read()
            whole = content[: content.rfind(b"\n") + 1]
            if len(whole) < len(content):
                self._file.truncate(len(whole))
        self.lines: list[Line] = []
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            if not isinstance(entry, dict):
                self._file.close()
                raise UserError(f"{path}: line {number} is no JSON object; delete the file and measure again")
            self.lines.append(entry)

    def append(self, line: Line) -> None:
        """On the disk when this returns."""
        with explained(self.path):
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        self.lines.append(line)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
