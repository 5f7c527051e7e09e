"""Upkeep and history of a dataset in an object store, through its real clients."""

from datetime import UTC, datetime

from emulators import Store
from table_rows import rows

from repscore.pipelines.diff import diff
from repscore.pipelines.maintain import maintain
from repscore.transforms.discover.vanished import may_be_there
from repscore.transforms.files import files_below
from repscore.transforms.tables.delta import append_run, read_rows, write_batch
from repscore.transforms.tables.drop import drop_inputs


def test_a_dataset_in_a_bucket(store: Store) -> None:
    """Two runs; an input is dropped; then all that is not of the newest snapshot goes."""
    root = f"{store.new_bucket()}/data"
    for run, names in (("aaaa", "ab"), ("bbbb", "c")):
        append_run(root, {"run_id": run, "started_at": datetime.now(UTC)})
        for name in names:
            write_batch(root, rows(f"/{name}", f"video{name}", run, 2))
    drop_inputs(root, ["/b"])
    assert {row["video_uri"] for row in read_rows(root, "repetitions")} == {"/a", "/c"}
    found = diff(root, None)
    assert found.gone is None
    assert [(each.uri, each.change) for each in found.inputs] == [
        ("/b", "vanished"),
        ("/c", "new"),
    ]

    for video in ("videoa", "videob"):
        store.put(f"{root}/poses/v/vi/{video}/0.parquet", b"poses")
    tried = maintain(root, 0, old_poses=False, dry_run=True)
    done = maintain(root, 0, old_poses=False, dry_run=False)
    assert done.removed == tried.removed
    assert done.removed["orphaned poses"].files == 1
    assert done.after is not None
    assert done.after["tables/videos"].files == 1
    assert done.after["history of tables"].files == 0
    assert [file.name for file in files_below(f"{root}/poses")] == ["v/vi/videoa/0.parquet"]
    assert may_be_there(f"{root}/poses/v/vi/videoa/0.parquet")
    assert not may_be_there(f"{root}/poses/v/vi/videob")
    assert "was removed with its history" in (diff(root, None).gone or "")
