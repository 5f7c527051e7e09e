"""What every reader of inputs shares: the first bytes of a file, and why it cannot be used."""

from typing import Final

from repscore.transforms.files import open_binary

HEAD_BYTES: Final = 4096


class ProbeError(ValueError):
    """An input that cannot be processed; subclasses say why."""


class InputMissing(ProbeError):
    """There is no such file."""


class InputForbidden(ProbeError):
    """The file may not be read."""


class EmptyInput(ProbeError):
    """The file holds no bytes."""


class LfsPointer(ProbeError):
    """A pointer of Git Large File Storage lies where the video should be."""


class NotAVideo(ProbeError):
    """The file is text, a web page, or nothing that FFmpeg knows."""


def head_of(uri: str) -> bytes:
    """The first bytes of a file; raises a ProbeError where there are none, or a pointer to them."""
    try:
        with open_binary(uri) as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise InputMissing(f"{uri}: no such file") from error
    except PermissionError as error:
        raise InputForbidden(f"{uri}: permission denied; allow reading or leave it out") from error
    except IsADirectoryError as error:
        raise NotAVideo(f"{uri}: expected a file, found a folder") from error
    if not head:
        raise EmptyInput(f"{uri}: the file is empty (0 bytes); obtain it again")
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        raise LfsPointer(f"{uri}: a Git LFS pointer, not the file itself; run `git lfs pull`")
    return head
