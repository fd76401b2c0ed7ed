"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a name to write to; it becomes `path` if the block succeeds, and is removed if it fails.

    The temporary file lies in the same folder and has the same ending, so that writers which choose a format by
    the ending work, and the last step is a rename.

    Raises
    ------
    OSError
        before anything is computed, when the folder cannot be written in
    """
    target = Path(path)
    temporary = target.with_name(f".{target.stem}-{secrets.token_hex(4)}{target.suffix}")
    if target.is_dir():
        raise OSError(f"`path` must be a file name, but {target} is a folder.")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise OSError(f"`path` must lie in a writable folder, but {target}: {error.strerror}.") from error
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
