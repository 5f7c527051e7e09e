"""Vanished: known inputs that a listing does not hold, and the folders they lay in."""

from collections.abc import Collection, Sequence

import pytest
from table_rows import rows

from repscore.transforms.discover.changes import Changes
from repscore.transforms.discover.vanished import Vanished, vanished
from repscore.transforms.records import Known
from repscore.transforms.tables import drop
from repscore.transforms.tables.delta import read_known, read_rows, write_batch
from repscore.transforms.tables.drop import drop_inputs
from repscore.transforms.tables.rows import merge_rows


def known(uri: str, content: str | None = None, first: str | None = None) -> Known:
    return Known(uri, "1", content or f"content of {uri}", 10, "c1", first)


def of(
    uris: Sequence[str], inputs: Sequence[str], listed: Collection[str], folders: Collection[str]
) -> Vanished:
    return vanished({uri: known(uri) for uri in uris}, inputs, listed, lambda uri: uri in folders)


def test_what_lay_below_a_listed_place_is_gone() -> None:
    uris = ("/in/a", "/in/sub/b", "/in/old/c", "/elsewhere/d", "/inside/e")
    found = of(uris, ["/in"], {"/in/a", "/in/sub/x"}, {"/", "/in", "/in/sub"})
    assert found == Vanished(("/in/old/c", "/in/sub/b"), (), ())


def test_an_empty_folder_may_be_a_disk_that_is_not_mounted() -> None:
    uris = ("/in/a", "/in/disk/b", "/in/disk/deep/c")
    found = of(uris, ["/in"], {"/in/a"}, {"/in", "/in/disk"})
    assert found == Vanished((), ("/in/disk/b", "/in/disk/deep/c"), ("/in/disk",))


@pytest.mark.parametrize("input_", ["/in", "/in/", "/in/*.mp4", "/in/**/*.mp4"])
def test_an_input_behind_which_there_is_nothing_drops_nothing(input_: str) -> None:
    found = of(["/in/a.mp4"], [input_, "/other"], {"/other/x"}, set())
    assert found == Vanished((), ("/in/a.mp4",), (input_,))


def test_a_glob_stands_for_what_it_matches() -> None:
    uris = ("/in/a.mp4", "/in/a.mov", "/in/sub/a.mp4")
    assert of(uris, ["/in/*.mp4"], {"/in/b.mp4"}, {"/in"}).gone == ("/in/a.mp4",)


def test_objects_have_no_folders() -> None:
    uris = ("gs://b/v/a", "gs://b/v/x/b", "gs://b/w/c")
    assert of(uris, ["gs://b/v/"], {"gs://b/v/n"}, set()).gone == ("gs://b/v/a", "gs://b/v/x/b")


def test_recordings_of_streams_are_in_no_listing() -> None:
    rows = {"/in/s": known("/in/s", "stream:/in/s")}
    assert vanished(rows, ["/in"], {"/in/a"}, lambda _: True) == Vanished((), (), ())


def test_the_heir_of_a_vanished_name_is_processed() -> None:
    rows = [known("a", "A"), known("b", "A", "a"), known("c", "A", "a"), known("x", "X")]
    changes = Changes({row.uri: row for row in rows}, "c1")
    (heir,) = changes.without({"a", "c", "x"})
    assert (heir.uri, heir.location, heir.duplicates) == ("b", "b", ())
    assert changes.without({"c"}) == [], "a copy leaves the first name alone"


def test_rows_of_dropped_inputs_go_from_all_tables(tmp_path) -> None:
    root = str(tmp_path)
    batch = [rows("/a", "A", "1", 2, "/copy", failures=1), rows("/b", "B", "1", 3, failures=1)]
    write_batch(root, merge_rows(batch))
    drop_inputs(root, ["/a", "/copy"])
    assert list(read_known(root)) == ["/b"]
    for table, column in (("repetitions", "video_uri"), ("failures", "uri")):
        assert {row[column] for row in read_rows(root, table)} == {"/b"}


def test_a_copy_that_is_dropped_leaves_the_rows_of_its_content(tmp_path) -> None:
    root = str(tmp_path)
    write_batch(root, rows("/a", "A", "1", 2, "/copy"))
    drop_inputs(root, ["/copy"])
    assert list(read_known(root)) == ["/a"]
    assert len(read_rows(root, "repetitions")) == 2


class Killed(BaseException):
    """The process ends here."""


def test_killed_while_it_drops_an_input_is_no_input_that_counts_as_current(
    tmp_path, monkeypatch
) -> None:
    root = str(tmp_path)
    write_batch(root, rows("/a", "A", "c1", 2))

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as then:
        then.setattr(drop, "_drop_children", killed)
        with pytest.raises(Killed):
            drop_inputs(root, ["/a"])
    assert read_known(root)["/a"].config == "", "it is processed again where it comes back"
    drop_inputs(root, ["/a"])
    assert read_known(root) == {}
