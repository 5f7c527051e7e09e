"""Object stores through their real clients, on emulators."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from emulators import Store

from repscore.pipelines.ready import check_output
from repscore.transforms import storage
from repscore.transforms.discover.sources import InputNotFound, list_inputs, require
from repscore.transforms.files import exists, names_in, open_binary, replacing
from repscore.transforms.storage import StoreUnusable
from repscore.transforms.tables.delta import UnusableRootError, append_run, check_tables, read_rows

ROW = {
    "started_at": datetime(2026, 1, 1, tzinfo=UTC),
    **dict.fromkeys(("command", "config", "configuration", "versions", "device"), ""),
}


def test_files(store: Store) -> None:
    """The tests write without the clients, so this says that both speak of the same objects."""
    folder = f"{store.new_bucket()}/a folder"
    assert not exists(f"{folder}/ü#1.txt")
    store.put(f"{folder}/ü#1.txt", b"hello")
    with replacing(f"{folder}/second") as file:
        file.write(b"world")

    assert sorted(names_in(folder)) == ["second", "ü#1.txt"]
    for name, content in (("second", b"world"), ("ü#1.txt", b"hello")):
        with open_binary(f"{folder}/{name}") as file:
            assert file.read() == content


def test_listings(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pages, sorted, by folder, glob and name; datasets are left out, nothing is cached."""
    monkeypatch.setattr(storage, "_PAGE", 2)
    bucket = store.new_bucket()
    names = ["a.mp4", "b/1.mp4", "b/2.mp4", "d/extra.mp4", "d/poses/p.mp4", "other/poses/x.mp4"]
    for name in [*names, "d/tables/runs/_delta_log/0.json", "notes.txt"]:
        store.put(f"{bucket}/{name}", name.encode())

    def listed(*inputs: str) -> list[str]:
        return [source.uri.removeprefix(f"{bucket}/") for source in list_inputs(inputs)]

    kept = [name for name in names if name != "d/poses/p.mp4"]
    assert listed(bucket) == listed(f"{bucket}/") == kept
    assert listed(f"{bucket}/b") == listed(f"{bucket}/b/*.mp4") == ["b/1.mp4", "b/2.mp4"]
    assert listed(f"{bucket}/notes.txt") == ["notes.txt"]
    store.put(f"{bucket}/b/3.mp4", b"3")
    assert listed(f"{bucket}/b") == ["b/1.mp4", "b/2.mp4", "b/3.mp4"]
    sources = {source.uri: source for source in list_inputs([f"{bucket}/b"])}
    source = sources[f"{bucket}/b/3.mp4"]
    assert (source.size_bytes, source.arrived_at is not None) == (1, True)
    assert source.fingerprint is not None
    store.put(f"{bucket}/b/3.mp4", b"4")
    (changed,) = list_inputs([f"{bucket}/b/3.mp4"])
    assert changed.stamp != source.stamp
    assert changed.fingerprint != source.fingerprint


def test_a_bucket_that_is_not_there_is_one_line(store: Store) -> None:
    place = f"{store.scheme}://nobody/data"
    with pytest.raises(StoreUnusable, match=f"^{place}: it cannot be written .*: create it$"):
        check_output(place)
    with pytest.raises(InputNotFound, match=f"^input '{place}': no such file, folder or object$"):
        require([place])
    with pytest.raises(InputNotFound, match=f"^input '{place}': nothing there$"):
        list(list_inputs([place]))


def test_credentials_that_are_refused_are_one_line(
    s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"{s3.new_bucket()}/data"
    for name, value in {**s3.environment, "AWS_ACCESS_KEY_ID": "another"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("fsspec.config.conf", {"s3": {"skip_instance_cache": True}})
    s3.request("POST", "/moto-api/reset-auth", b"0")
    try:
        with pytest.raises(StoreUnusable, match=f"^{place}: it cannot be written .*: allow it, or"):
            check_output(place)
        with pytest.raises(InputNotFound, match=f"^input '{place}' cannot be listed .*: allow it"):
            require([place])
        with pytest.raises(UnusableRootError, match=r"the table cannot be read: .* 403 Forbidden"):
            check_tables(place)
    finally:
        s3.request("POST", "/moto-api/reset-auth", b"1000000000")


def test_a_place_that_can_be_written_is_left_empty(store: Store) -> None:
    bucket = store.new_bucket()
    check_output(f"{bucket}/data")
    assert list(list_inputs([bucket])) == []


def test_writers_that_race_lose_no_row(store: Store) -> None:
    """Commits are conditional puts, without any option of ours."""
    root = f"{store.new_bucket()}/data"

    def commit(writer: int) -> None:
        for number in range(3):
            append_run(root, ROW | {"run_id": f"{writer}-{number}"})

    with ThreadPoolExecutor(3) as writers:
        list(writers.map(commit, range(3)))

    found = sorted(row["run_id"] for row in read_rows(root, "runs"))
    assert found == sorted(f"{writer}-{number}" for writer in range(3) for number in range(3))
