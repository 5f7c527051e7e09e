"""What each client of a store is given, from the same environment."""

import json
import sys
import tracemalloc
from collections.abc import Mapping

import pytest
from fsspec.registry import _registry

from repscore.pipelines.query import QueryError, connect
from repscore.transforms.discover.sources import InputNotFound, require
from repscore.transforms.errors import words_of
from repscore.transforms.storage import (
    StoreUnusable,
    check_writable,
    delta_options,
    fsspec_options,
    objects_in,
)

FRESH = {"use_listings_cache": False}


@pytest.mark.parametrize("url", ["gs://b/k", "gcs://b/k", "s3://b/k", "s3a://b/k", "abfs://b/k"])
def test_without_settings_the_clients_are_left_alone(url: str) -> None:
    assert fsspec_options(url, {}) == FRESH
    assert delta_options(url, {}) == {}


@pytest.mark.parametrize("value", ["127.0.0.1:4443", "http://127.0.0.1:4443"])
def test_an_emulator_of_google_counts_for_both(value: str) -> None:
    environment = {"STORAGE_EMULATOR_HOST": value}
    options = delta_options("gs://b/k", environment)
    account = json.loads(options.pop("google_service_account_key"))
    assert (account["gcs_base_url"], account["disable_oauth"]) == ("http://127.0.0.1:4443", True)
    assert options == {"allow_http": "true"}
    assert fsspec_options("gs://b/k", environment) == FRESH | {"token": "anon"}
    assert delta_options("s3://b/k", environment) == {}


def test_an_endpoint_without_tls_is_allowed_where_it_is_named_so() -> None:
    plain, tls = "http://127.0.0.1:9000", "https://minio.example"
    url = "s3://b/k"
    assert delta_options(url, {"AWS_ENDPOINT_URL": plain}) == {"allow_http": "true"}
    assert delta_options(url, {"AWS_ENDPOINT_URL": tls}) == {}
    assert delta_options(url, {"AWS_ENDPOINT_URL": plain, "AWS_ENDPOINT_URL_S3": tls}) == {}
    assert delta_options("gs://b/k", {"AWS_ENDPOINT_URL": plain}) == {}


def test_variables_of_delta_rs_count_for_s3fs() -> None:
    def options(**environment: str) -> object:
        return fsspec_options("s3://b/k", environment)

    assert options(AWS_REGION="eu-west-3") == FRESH | {
        "client_kwargs": {"region_name": "eu-west-3"}
    }
    assert options(AWS_REQUEST_PAYER="true") == FRESH | {"requester_pays": True}
    assert options(AWS_SKIP_SIGNATURE="true") == FRESH | {"anon": True}
    assert options(AWS_REQUEST_PAYER="false", AWS_SKIP_SIGNATURE="") == FRESH


def test_who_pays_for_requests_to_google() -> None:
    environment = {"GOOGLE_CLOUD_QUOTA_PROJECT": "mine"}
    assert fsspec_options("gs://b/k", environment) == FRESH | {"requester_pays": "mine"}


def test_no_option_allows_renames_that_lose_commits() -> None:
    everything = {"AWS_ENDPOINT_URL": "http://h", "STORAGE_EMULATOR_HOST": "h", "AWS_REGION": "r"}
    for url in ("gs://b/k", "s3://b/k"):
        assert not any("rename" in name.lower() for name in delta_options(url, everything))


def test_without_s3fs_the_remedy_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)
    remedy = r"s3://b/k.*s3fs.*: pip install 'repscore\[s3\]'$"
    with pytest.raises(StoreUnusable, match=remedy):
        check_writable("s3://b/k")
    with pytest.raises(InputNotFound, match=remedy):
        require(["s3://b/k"])
    with pytest.raises(QueryError, match=remedy):
        connect("s3://b/k")


def test_a_store_that_nobody_knows_is_one_line() -> None:
    with pytest.raises(StoreUnusable, match=r"^ftps3://b/k: Protocol not known: ftps3$"):
        check_writable("ftps3://b/k")


def test_a_tree_of_causes_is_one_line() -> None:
    error = OSError("Generic S3 error\n  \x1b[31m↳\x1b[0m HTTP error\n  \x1b[31m↳\x1b[0m no TLS\n")
    assert words_of(error) == "Generic S3 error: HTTP error: no TLS"


class Pages:
    """Twenty thousand objects, as gcsfs or s3fs answers."""

    COUNT = 20_000
    req_kw: Mapping[str, str] = {}

    def __init__(self, protocol: str) -> None:
        self.protocol = (protocol, "another")
        self.asked = 0

    def call(self, *_: str, maxResults: int, pageToken: str | None, **__: object) -> object:  # noqa: N803
        start, stop = self._page(int(pageToken or 0), maxResults)
        items = [
            {"name": f"in/{n:06}.mp4", "size": "1", "md5Hash": "m" * 24} for n in range(start, stop)
        ]
        return {"items": items, "nextPageToken": str(stop) if stop < self.COUNT else None}

    def call_s3(self, *_: str, MaxKeys: int, ContinuationToken: str = "0", **__: object) -> object:  # noqa: N803
        start, stop = self._page(int(ContinuationToken), MaxKeys)
        items = [{"Key": f"in/{n:06}.mp4", "Size": 1, "ETag": '"e"'} for n in range(start, stop)]
        more = stop < self.COUNT
        return {"Contents": items, "IsTruncated": more, "NextContinuationToken": str(stop)}

    def _page(self, start: int, most: int) -> tuple[int, int]:
        self.asked += 1
        return start, min(self.COUNT, start + most)


@pytest.mark.parametrize("protocol", ["gs", "s3"])
def test_a_listing_holds_a_page_of_names(protocol: str) -> None:
    """All 20,000 would be some 10 MB."""
    files = Pages(protocol)
    tracemalloc.start()
    try:
        names = objects_in(files, "bucket/in")
        assert next(names)["name"] == "bucket/in/000000.mp4"
        assert files.asked == 1
        assert sum(1 for _ in names) == Pages.COUNT - 1
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert files.asked == 20
    assert peak_bytes < 3_000_000
