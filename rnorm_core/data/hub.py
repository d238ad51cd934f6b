"""Downloads the test set from the Hugging Face hub into its cache. No other module uses a network."""

from collections.abc import Callable
from pathlib import Path

from rnorm_core.data.classes import check
from rnorm_core.data.files import HUB_FILES, REPOS, hub_file
from rnorm_core.data.sources import decoded
from rnorm_core.errors import UserError

TEST_IMAGES = 10_000


def fetch(dataset: str, on_progress: Callable[[int, int], None] | None = None) -> None:
    """Downloads the test set (24 MB) into the hub's cache, unless it is there; then it can be read without a network.

    on_progress(done_bytes, total_bytes) is called when bytes arrive and once at the end; it may raise to stop. A cached
    file that is not the whole test set is downloaded again. UserError if the hub cannot be reached or sends another
    file. A partial file never replaces a complete one.
    """
    check(dataset)
    path = hub_file(dataset, "test")
    if path is None or _problem(path, dataset):
        path = _download(dataset, on_progress or (lambda done, total: None), force=path is not None)
        if problem := _problem(path, dataset):
            path.resolve().unlink()  # the cache holds a link to a blob; the next download would link to the same blob
            path.unlink(missing_ok=True)
            raise UserError(
                f"The file from the Hugging Face hub is not {dataset}'s test set: {problem}",
                "try again, or set CIFAR_ROOT to a torchvision CIFAR folder.",
            )
    if on_progress:
        size = path.stat().st_size
        on_progress(size, size)


def _problem(path: Path, dataset: str) -> str:
    """The reason why the file is not the complete test set; empty if it is."""
    try:
        count = len(decoded(path.parent, dataset, "test").ids)
    except UserError as error:
        return error.what
    return "" if count == TEST_IMAGES else f"it has {count:,} images instead of {TEST_IMAGES:,}."


def _download(dataset: str, on_progress: Callable[[int, int], None], force: bool) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import HTTPError  # pyright: ignore[reportPrivateImportUsage]  (httpx or httpx2's)
    from huggingface_hub.utils import tqdm

    repo, filename = REPOS[dataset], HUB_FILES[dataset, "test"]
    total = furthest = 0

    class Bar(tqdm):
        """Reports progress, draws nothing. The hub makes a bar for received bytes, and maybe one for written bytes."""

        def __init__(self, *args, **kwargs) -> None:
            self.done = 0
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            nonlocal furthest
            self.done += n or 0
            furthest = max(furthest, min(int(self.done), total))
            on_progress(furthest, total)

    try:
        # This request comes first, because without a network it fails at once; the download would retry for half a
        # minute.
        total = get_hf_file_metadata(hf_hub_url(repo, filename, repo_type="dataset"), timeout=10).size or 0
        on_progress(0, total)
        return Path(hf_hub_download(repo, filename, repo_type="dataset", tqdm_class=Bar, force_download=force))
    except (OSError, HTTPError, RuntimeError) as error:  # no network, no space, no permission; RuntimeError is hf_xet's
        raise UserError(
            f"{dataset}'s test set could not be downloaded from the Hugging Face hub: {error}",
            "check the network and the disk and try again, or set CIFAR_ROOT to a torchvision CIFAR folder.",
        ) from error
