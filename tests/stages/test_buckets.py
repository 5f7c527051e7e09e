"""Object stores through their real clients, on emulators."""

import posixpath

from emulators import Store
from fsspec.core import url_to_fs


def test_the_clients_reach_the_emulators(store: Store) -> None:
    """The tests write without the clients, so this says that both speak of the same objects."""
    bucket = store.new_bucket()
    store.put(f"{bucket}/a folder/ü#1.txt", b"hello")

    files, path = url_to_fs(bucket)

    assert [posixpath.basename(name) for name in files.find(path)] == ["ü#1.txt"]
    assert files.cat_file(f"{path}/a folder/ü#1.txt") == b"hello"
