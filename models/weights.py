"""The BlazePose weights: obtained once, verified by SHA-256, kept in a cache.

They are data from outside and never part of the package. The detector and the `full` landmark
model ship inside an older MediaPipe wheel, `lite` and `heavy` inside Google's npm package
(Apache-2.0); both come through the package clients that are installed here, so that any mirror
those are configured for is used.
"""

import fcntl
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import platformdirs

Model = Literal["lite", "full", "heavy"]

MODELS: Final[tuple[Model, ...]] = get_args(Model)

_WHEEL: Final = "mediapipe==0.10.21"
_NPM: Final = "@mediapipe/pose@0.5.1675469404"

_ZIP_HEADER_BYTES: Final = 30
_ZIP_ALIGNMENT_FIELD: Final = 0xD935
_ALIGNMENT_BYTES: Final = 64


class WeightsMissing(FileNotFoundError):
    """Weights that are needed are not in the cache, or could not be obtained."""


class WeightsCorrupt(ValueError):
    """A weights file is not the one that its name promises."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A weights file: its name in the cache, what it must hash to, the package that ships it."""

    name: str
    sha256: str
    source: Literal["pypi", "npm"]


DETECTOR: Final = WeightsFile(
    "pose_detection.tflite",
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    "pypi",
)
LANDMARKS: Final[dict[Model, WeightsFile]] = {
    "lite": WeightsFile(
        "pose_landmark_lite.tflite",
        "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
        "npm",
    ),
    "full": WeightsFile(
        "pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        "pypi",
    ),
    "heavy": WeightsFile(
        "pose_landmark_heavy.tflite",
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        "npm",
    ),
}


def cache_dir() -> Path:
    """Where repscore keeps what it obtained: REPSCORE_CACHE, else the user's cache folder."""
    chosen = os.environ.get("REPSCORE_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("repscore"))


def detector() -> Path:
    """The person detector (224x224) in the cache; raises WeightsMissing or WeightsCorrupt."""
    return _verified(DETECTOR)


def landmarks(model: Model) -> Path:
    """A landmark model (256x256) in the cache; raises WeightsMissing or WeightsCorrupt."""
    return _verified(LANDMARKS[model])


def present(model: Model) -> bool:
    """Whether the detector and this landmark model are in the cache, whole."""
    return all(_is_whole(file) for file in (DETECTOR, LANDMARKS[model]))


def require(model: Model) -> None:
    """Raise WeightsMissing or WeightsCorrupt unless detector and model are in the cache."""
    detector()
    landmarks(model)


def obtain(models: Sequence[Model], source: Path | None = None) -> None:
    """Put the detector and these landmark models into the cache; what is there already stays.

    `source`, or the environment variable REPSCORE_WEIGHTS, names a local `.tflite` file, a wheel
    or npm archive, or a folder of those, and then nothing is downloaded. Files are recognised by
    their SHA-256 alone. Processes that want the same wait for the one that obtains it. Raises
    WeightsMissing where a file cannot be obtained.
    """
    if not all(map(present, models)):
        with _one_at_a_time():
            _obtain(models, source)


def _obtain(models: Sequence[Model], source: Path | None) -> None:
    wanted = {file.sha256: file for file in (DETECTOR, *(LANDMARKS[model] for model in models))}
    missing = {digest: file for digest, file in wanted.items() if not _is_whole(file)}
    if not missing:
        return  # another process has obtained them
    given = source or (Path(named) if (named := os.environ.get("REPSCORE_WEIGHTS")) else None)
    if given is not None:
        if not given.exists():
            raise WeightsMissing(f"the given weights {given} do not exist")
        _take(given, missing)
        return
    for origin, download in (("pypi", _download_wheel), ("npm", _download_npm)):
        part = {digest: file for digest, file in missing.items() if file.source == origin}
        if part:
            with tempfile.TemporaryDirectory(prefix="repscore-weights-") as folder:
                download(Path(folder))
                _take(Path(folder), part)


def task_bundle(model: Model) -> Path:
    """The detector and a landmark model as one `.task` file for MediaPipe's Tasks API.

    A stored zip of two TFLite files whose metadata carries the normalisation of their input. Its
    bytes depend on the weights alone; it is built on first use and cached.
    """
    parts = (detector(), landmarks(model))
    path = _folder() / f"pose_landmarker_{model}_{LANDMARKS[model].sha256[:8]}.task"
    if not _is_whole_zip(path):
        with _replacing(path) as temporary:
            _write_bundle(
                temporary,
                {
                    "pose_detector.tflite": _with_normalisation(
                        parts[0].read_bytes(), 127.5, 127.5
                    ),
                    "pose_landmarks_detector.tflite": _with_normalisation(
                        parts[1].read_bytes(), 0, 255
                    ),
                },
            )
    return path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder() -> Path:
    return cache_dir() / "weights"


def _is_whole(file: WeightsFile) -> bool:
    path = _folder() / file.name
    return path.is_file() and sha256_of(path) == file.sha256


def _is_whole_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as bundle:
            return bundle.testzip() is None
    except (FileNotFoundError, zipfile.BadZipFile):
        return False


def _verified(file: WeightsFile) -> Path:
    path = _folder() / file.name
    if not path.is_file():
        raise WeightsMissing(f"{file.name} is not in {_folder()}: run `repscore weights`")
    found = sha256_of(path)
    if found != file.sha256:
        raise WeightsCorrupt(
            f"{path}: expected SHA-256 {file.sha256}, found {found}: "
            "delete the file and run `repscore weights`"
        )
    return path


def _take(source: Path, wanted: dict[str, WeightsFile]) -> None:
    """Move the wanted files (by SHA-256) from a file, an archive or a folder into the cache."""
    missing = dict(wanted)
    seen: list[str] = []
    for name, content in _contents(source):
        digest = hashlib.sha256(content).hexdigest()
        seen.append(f"{name} ({digest[:8]})")
        file = missing.pop(digest, None)
        if file is not None:
            with _replacing(_folder() / file.name) as temporary:
                temporary.write_bytes(content)
        if not missing:
            return
    names = ", ".join(f"{file.name} ({digest[:8]})" for digest, file in missing.items())
    raise WeightsMissing(
        f"{source} lacks {names}, recognised by the SHA-256 whose beginning is in brackets; "
        f"found there: {', '.join(seen) or 'no .tflite file'}"
    )


def _contents(source: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every TFLite model in a file, an archive or a folder of these."""
    if source.is_dir():
        for path in sorted(source.iterdir()):
            if path.suffix in (".tflite", ".whl", ".zip", ".tgz"):
                yield from _contents(path)
    elif zipfile.is_zipfile(source) and source.suffix != ".tflite":
        with zipfile.ZipFile(source) as wheel:
            for name in wheel.namelist():
                if name.endswith(".tflite"):
                    yield name, wheel.read(name)
    elif source.suffix == ".tgz":
        with tarfile.open(source) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name.endswith(".tflite") else None
                if stream is not None:
                    yield member.name, stream.read()
    else:
        yield source.name, source.read_bytes()


def _download_wheel(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip"]
    options = ["--no-deps", "--only-binary=:all:", "--python-version", "3.11"]
    options += ["--platform", "manylinux_2_28_x86_64", "--dest", str(folder)]
    _run([*pip, "download", "--quiet", "--disable-pip-version-check", *options, _WHEEL])


def _download_npm(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise WeightsMissing(
            "the lite and heavy models come from an npm package and `npm` is not on PATH: install "
            f"Node.js, or fetch the archive of {_NPM} elsewhere (`npm pack`) and run "
            "`repscore weights` with REPSCORE_WEIGHTS set to its path"
        )
    _run([npm, "pack", "--silent", "--pack-destination", str(folder), _NPM])


_DOWNLOAD_S: Final = 900.0
"""Tens of megabytes; the clients themselves try again for minutes."""


def _run(command: list[str]) -> None:
    """Run a package client; what it printed becomes the error if it fails."""
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_S
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsMissing(
            f"could not obtain the weights: `{' '.join(command)}` did not end within "
            f"{_DOWNLOAD_S:g} s; set REPSCORE_WEIGHTS to a local copy of the package"
        ) from error
    if done.returncode == 0:
        return
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    if "No module named pip" in done.stderr:
        raise WeightsMissing(
            f"{sys.executable} has no pip, which obtains the weights: run `{sys.executable} -m "
            f"ensurepip`, or fetch the wheel of {_WHEEL} elsewhere and run `repscore weights` with "
            "REPSCORE_WEIGHTS set to its path"
        )
    raise WeightsMissing(
        f"could not obtain the weights: `{' '.join(command)}` ended with {done.returncode}: "
        f"{said[-1] if said else 'no message'}; behind a firewall, set REPSCORE_WEIGHTS to a local "
        "copy of the package"
    )


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """For one process of this machine; its lock ends with it."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place at the end, unless something is raised.

    Two processes may do this at once: each has its own temporary file, and both write the same.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_bundle(path: Path, members: Mapping[str, bytes]) -> None:
    """A stored zip with fixed time stamps; every member starts at a multiple of 64 bytes.

    So aligned, the weights are used where they lie in the mapped file, not copied.
    """
    offset = 0
    with zipfile.ZipFile(path, "w") as bundle:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            header = _ZIP_HEADER_BYTES + len(name) + 4
            padding = -(offset + header) % _ALIGNMENT_BYTES
            info.extra = struct.pack("<HH", _ZIP_ALIGNMENT_FIELD, padding) + bytes(padding)
            bundle.writestr(info, content)
            offset += header + padding + len(content)


def _with_normalisation(model: bytes, mean: float, std: float) -> bytes:
    """A TFLite model whose metadata says that its input is (pixel - mean) / std.

    See TensorFlow Lite's metadata schema: ModelMetadata > SubGraphMetadata > TensorMetadata >
    ProcessUnit > NormalizationOptions, in a buffer that the model lists as TFLITE_METADATA.
    """
    import flatbuffers  # type: ignore[import-untyped]
    from mediapipe.tasks.metadata import metadata_schema_py_generated as schema
    from mediapipe.tasks.metadata import schema_py_generated as tflite

    options = schema.NormalizationOptionsT()
    options.mean, options.std = [mean], [std]
    unit = schema.ProcessUnitT()
    unit.optionsType, unit.options = schema.ProcessUnitOptions.NormalizationOptions, options
    image = schema.TensorMetadataT()
    image.name, image.processUnits = "image", [unit]

    root: Any = tflite.ModelT.InitFromObj(tflite.Model.GetRootAsModel(model, 0))
    subgraph = schema.SubGraphMetadataT()
    subgraph.inputTensorMetadata = [image]
    subgraph.outputTensorMetadata = [_named(schema, f"output_{i}") for i in _outputs(root)]
    metadata = schema.ModelMetadataT()
    metadata.subgraphMetadata = [subgraph]
    builder = flatbuffers.Builder(0)
    builder.Finish(metadata.Pack(builder), b"M001")

    buffer: Any = tflite.BufferT()
    buffer.data = bytes(builder.Output())
    root.buffers.append(buffer)
    entry = tflite.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(root.buffers) - 1
    root.metadata = [*(root.metadata or []), entry]
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(root.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _outputs(root: Any) -> range:
    return range(len(root.subgraphs[0].outputs))


def _named(schema: Any, name: str) -> Any:
    tensor = schema.TensorMetadataT()
    tensor.name = name
    return tensor
