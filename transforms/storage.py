"""Object stores: the same environment for fsspec's clients and for delta-rs.

gcsfs, s3fs and delta-rs find credentials and endpoints in the environment by themselves, each with
gaps. Here is what they lack, so that a variable that one of them reads counts for all.
"""

import contextlib
import functools
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fsspec.core import url_to_fs

from repscore.transforms.errors import kind_of_error, retried, words_of

_Environment = Mapping[str, str]
_PAGE: Final = 1000
_GCS_FIELDS: Final = "items(name,size,generation,md5Hash,timeCreated),nextPageToken"

Info = Mapping[str, Any]
"""What fsspec says of an object: `name` (with its bucket), `type`, `size`, and the store's own."""

_REMEDIES: Final = {
    "transient": "the store does not answer: try again later",
    "permission": "allow it, or give other credentials (docs/cloud.md)",
    "missing": "expected a bucket that exists: create it",
    "permanent": "docs/cloud.md says what a store needs",
}


class StoreUnusable(ValueError):
    """The client of a store is not installed, or its place cannot be listed, read or written."""


def file_system(uri: str) -> tuple[Any, str]:
    """The client for a URL, and the path in it; raises StoreUnusable where it is not installed."""
    if _gcs_emulator(
        os.environ
    ):  # gcsfs would ask it for kinds of buckets that it has not, by gRPC
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    try:
        files, path = url_to_fs(uri, **fsspec_options(uri))
    except (ImportError, ValueError) as error:
        remedy = ": pip install 'repscore[s3]'" if _scheme(uri) == "s3" else ""
        raise StoreUnusable(f"{uri}: {error}{remedy}") from error
    return files, str(path)


def unusable(what: str, error: Exception) -> StoreUnusable:
    """An error of a client in one line, with the remedy."""
    return StoreUnusable(f"{what} ({words_of(error)}): {_REMEDIES[kind_of_error(error)]}")


def check_writable(folder: str) -> None:
    """Raise StoreUnusable where no object can be put below a URL, by putting an empty one.

    It is removed again, where that is allowed.
    """
    files, path = file_system(folder)
    place = f"{path.rstrip('/')}/.repscore-{uuid.uuid4().hex}"
    try:
        files.pipe_file(place, b"")
    except Exception as error:  # each client has its own
        raise unusable(f"{folder}: it cannot be written", error) from error
    with contextlib.suppress(Exception):
        files.rm_file(place)


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


def fsspec_options(uri: str, environment: _Environment = os.environ) -> dict[str, Any]:
    """What `fsspec.core.url_to_fs` needs for a URL besides the environment.

    Listings are never cached: what lies in a store changes while a process runs.
    """
    options: dict[str, Any] = {"use_listings_cache": False}
    match _scheme(uri):
        case "gs":
            if _gcs_emulator(environment):
                options |= {"token": "anon"}  # else gcsfs looks for credentials and sends them
            if project := environment.get("GOOGLE_CLOUD_QUOTA_PROJECT"):
                options["requester_pays"] = project
        case "s3":
            # botocore reads AWS_DEFAULT_REGION alone
            if region := environment.get("AWS_REGION"):
                options["client_kwargs"] = {"region_name": region}
            if _is_true(environment.get("AWS_REQUEST_PAYER")):
                options["requester_pays"] = True
            if _is_true(environment.get("AWS_SKIP_SIGNATURE")):
                options["anon"] = True
    return options


def delta_options(uri: str, environment: _Environment = os.environ) -> dict[str, str]:
    """What delta-rs needs for a URL besides the environment.

    Commits are conditional puts, the default of delta-rs 1.6 on both stores.
    """
    match _scheme(uri):
        case "gs":
            if (endpoint := _gcs_emulator(environment)) is None:
                return {}
            account = {"gcs_base_url": endpoint, "disable_oauth": True, "client_email": ""}
            account |= {"private_key": "", "private_key_id": ""}
            return {"google_service_account_key": json.dumps(account)} | _plain_http(endpoint)
        case "s3":
            return _plain_http(
                environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL", "")
            )
        case _:
            return {}


def _gcs_emulator(environment: _Environment) -> str | None:
    """Where gcsfs goes instead of Google."""
    emulator = environment.get("STORAGE_EMULATOR_HOST", "")
    if emulator in ("", "default"):
        return None
    return emulator if "://" in emulator else f"http://{emulator}"


def _plain_http(endpoint: str) -> dict[str, str]:
    """delta-rs refuses an endpoint without TLS unless it is allowed."""
    return {"allow_http": "true"} if endpoint.startswith("http://") else {}


def _scheme(uri: str) -> str:
    """`gs` or `s3` under all their names, else the scheme as it is."""
    scheme = uri.partition("://")[0]
    return {"gcs": "gs", "s3a": "s3"}.get(scheme, scheme)


def _is_true(value: str | None) -> bool:
    return (value or "").lower() in ("true", "1", "requester", "yes")
