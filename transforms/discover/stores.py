"""What lies below a path of an object store, page by page, so that memory does not follow it."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from repscore.transforms.discover.folders import DATASET, MARK
from repscore.transforms.errors import retried

_PAGE: Final = 1000
_GCS_FIELDS: Final = "items(name,size,generation,md5Hash,timeCreated),nextPageToken"

Info = Mapping[str, Any]
"""What fsspec says of an object: `name` (with its bucket), `type`, `size`, and the store's own."""


def objects_in(files: Any, path: str) -> Iterator[Info]:
    """The objects below a path, sorted by name; none where it is no folder.

    Of the stores of Google and Amazon a page of names is in memory at a time, elsewhere all.
    """
    pages = {"gs": _gcs_pages, "s3": _s3_pages}.get(next(iter(_protocols(files))))
    if pages is None:
        found = files.find(path, detail=True) if files.isdir(path) else {}
        yield from (found[name] for name in sorted(found))
        return
    bucket, _, prefix = path.strip("/").partition("/")
    for info in pages(files, bucket, f"{prefix}/" if prefix else ""):
        if not info["name"].endswith("/"):  # folders that consoles make
            yield info


def _protocols(files: Any) -> tuple[str, ...]:
    protocol = files.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _gcs_pages(files: Any, bucket: str, prefix: str) -> Iterator[Info]:
    token = None
    while True:
        ask = functools.partial(
            files.call, "GET", "b/{}/o", bucket, prefix=prefix or None, maxResults=_PAGE,
            pageToken=token, fields=_GCS_FIELDS, json_out=True,
        )  # fmt: skip
        page = retried(ask)
        for item in page.get("items", ()):
            yield {**item, "name": f"{bucket}/{item['name']}", "type": "file"}
        token = page.get("nextPageToken")
        if not token:
            return


def _s3_pages(files: Any, bucket: str, prefix: str) -> Iterator[Info]:
    more: dict[str, str] = {}
    while True:
        ask = functools.partial(
            files.call_s3, "list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=_PAGE,
            **files.req_kw, **more,
        )  # fmt: skip
        page = retried(ask)
        for item in page.get("Contents", ()):
            name = f"{bucket}/{item['Key']}"
            yield {**item, "name": name, "type": "file", "size": item["Size"]}
        if not page.get("IsTruncated"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


def outside_datasets(infos: Iterable[Info], exists: Callable[[str], bool]) -> Iterator[Info]:
    """Those of the objects that belong to no dataset.

    Args:
        exists: whether there is a folder; asked once for each that may be a dataset's.
    """
    is_dataset = functools.cache(lambda root: exists("/".join((root, *MARK))))
    for info in infos:
        parts = info["name"].split("/")
        places = (n for n, part in enumerate(parts[:-1]) if n and part in DATASET)
        if not any(is_dataset("/".join(parts[:n])) for n in places):
            yield info
