"""Files of shipped results: `<folder of the models>/defaults/<name>.zip`."""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as to_safetensors

from rnorm_core import zoo
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.experiments.shipped.packing import pack, unpack
from rnorm_core.versions import versions

FOLDER, AGAIN = "defaults", "python -m rnorm_core.experiments.precompute.defaults"
ABOUT, RESULT, TENSORS = MEMBERS = ("about.json", "result.json", "tensors.safetensors")


@dataclass(frozen=True)
class Default:
    """How the result of one default request is computed and stored.

    name:      of the file. request: makes the request (CPU); it has a field `device`.
    run:       computes the result of the request.
    batch:     the images of a request, which are loaded again.
    elsewhere: the objects in a result that are not stored, by name, for a request and its images. They must be the
               objects themselves, not copies.
    without_images, with_images: replace attacked images by perturbations and back, given the clean images.
    """

    name: str
    request: Callable[[], Any]
    run: Callable[[Any], Any]
    batch: Callable[[Any], Batch]
    elsewhere: Callable[[Any, Batch], dict[str, Any]]
    without_images: Callable[[Any, Batch], Any] = lambda result, batch: result
    with_images: Callable[[Any, Batch], Any] = lambda result, batch: result


def path_of(default: Default) -> Path:
    return zoo.DIRECTORY / FOLDER / f"{default.name}.zip"


def find(default: Default, request: Any) -> Any:
    """The result in the file of `default`, if the file is there and answers this request on any device; else None.

    Everybody shares the result: do not change its tensors. UserError if the file is damaged.
    """
    path = path_of(default)
    if not path.exists() or _request(path, zoo.stamp(path)) != replace(request, device="cpu"):
        return None
    found = _result(default, path, zoo.stamp(path))
    # The object itself where it can be: what is made of a result is cached by the object.
    return found if found is None or found.request == request else replace(found, request=request)


def to_bytes(default: Default, found: Any) -> bytes:
    """The content of the file with this result."""
    request, batch = found.request, getattr(found, "batch", None) or default.batch(found.request)
    tree, tensors = pack(default.without_images(found, batch), default.elsewhere(request, batch))
    members = {RESULT: json.dumps(tree).encode(), TENSORS: to_safetensors(tensors)}
    about = {
        "request": pack(request, {})[0], "ids": batch.ids, "sha256": _digest(members), "date": date.today().isoformat(),
        **versions(),
    }  # fmt: skip
    return _zipped({ABOUT: json.dumps(about, indent=1).encode(), **members})


def from_bytes(default: Default, content: Mapping[str, bytes]) -> Any:
    """The result in the members of a file; None if the images are others now. ValueError if the file is damaged."""
    about = json.loads(content[ABOUT])
    if about["sha256"] != _digest(content):
        raise ValueError("its content does not match its checksum")
    request = unpack(about["request"], {}, {})
    batch = default.batch(request)
    if list(batch.ids) != about["ids"]:
        return None
    tensors = parse_safetensors(content[TENSORS])
    found = unpack(json.loads(content[RESULT]), tensors, default.elsewhere(request, batch))
    return default.with_images(found, batch)


@lru_cache(maxsize=64)
def _request(path: Path, stamp: tuple) -> Any:
    """The request of a file, read once per stamp."""
    content = _members(path, (ABOUT,))
    with _sound(path):
        return unpack(json.loads(content[ABOUT])["request"], {}, {})


@lru_cache(maxsize=16)
def _result(default: Default, path: Path, stamp: tuple) -> Any:
    content = _members(path, MEMBERS)
    with _sound(path):
        return from_bytes(default, content)


def _members(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    with _sound(path), zipfile.ZipFile(path) as members:
        return {name: members.read(name) for name in names}


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(
            f"{FOLDER}/{path.name} is damaged: {error}.", f"restore the file from the repository, or run `{AGAIN}`."
        ) from error


def _zipped(members: Mapping[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)  # without the time of writing
    return out.getvalue()


def _digest(members: Mapping[str, bytes]) -> str:
    return hashlib.sha256(members[RESULT] + members[TENSORS]).hexdigest()
