import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from rnorm_core import data
from rnorm_core.data import sources
from rnorm_core.errors import UserError

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def same(a, b):
    return a.ids == b.ids and torch.equal(a.labels, b.labels) and torch.equal(a.images, b.images)


def test_class_names_are_in_the_order_of_the_labels():
    assert data.CLASSES["cifar10"] == CIFAR10
    assert len(data.CLASSES["cifar100"]) == 100
    assert data.CLASSES["cifar100"] == tuple(sorted(data.CLASSES["cifar100"]))
    assert data.CLASSES["cifar100"][49] == "mountain"  # foolbox's cifar100_00_49.png


def test_every_class_has_its_superclass():
    kin = data.SUPERCLASSES["cifar100"]
    assert tuple(sorted(kin)) == data.CLASSES["cifar100"]
    sizes = {name: list(kin.values()).count(name) for name in kin.values()}
    assert sizes.pop("vehicles") == 10, "two superclasses"
    assert list(sizes.values()) == [5] * 18
    assert kin["pickup_truck"] == "vehicles"
    assert data.class_title("pickup_truck") == "pickup truck"


@pytest.mark.parametrize("count", [None, 1, 7, 30])
@pytest.mark.parametrize("seed", [0, 1])
def test_count_and_seed_choose_the_same_images_from_any_source(
    tmp_path, monkeypatch, write_parquet, write_torchvision, images, labels, count, seed
):
    shuffled = np.random.default_rng(1).permutation(len(images))
    parquet = write_parquet(tmp_path / "parquet", images[shuffled], [labels[i] for i in shuffled])
    monkeypatch.setenv("CIFAR_ROOT", str(write_torchvision(tmp_path / "torchvision", images, labels)))
    from_parquet = data.load("cifar10", count=count, seed=seed, directory=parquet)
    from_torchvision = data.load("cifar10", count=count, seed=seed)
    assert len(from_parquet) == (count or 30)
    assert same(from_parquet, from_torchvision)
    assert len(set(from_parquet.ids)) == len(from_parquet)
    for image, label, id in zip(from_parquet.images, from_parquet.labels, from_parquet.ids, strict=True):
        pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        assert data.image_id(pixels) == id
        original = next(i for i in range(30) if np.array_equal(images[i], pixels))
        assert labels[original] == label


def test_the_seed_matters_and_all_images_come_in_canonical_order(tmp_path, write_parquet, images, labels):
    folder = write_parquet(tmp_path, images, labels)
    assert (
        data.load("cifar10", count=7, seed=0, directory=folder).ids
        != data.load("cifar10", count=7, seed=1, directory=folder).ids
    )
    ids = data.load("cifar10", directory=folder).ids
    assert list(ids) == sorted(ids)


@pytest.mark.parametrize("complete", [False, True])
def test_picked_images_begin_with_the_fewer(tmp_path, monkeypatch, write_torchvision, images, labels, complete):
    monkeypatch.setenv("CIFAR_ROOT", str(write_torchvision(tmp_path, images, labels)))
    of = data.load("cifar10") if complete else data.samples("cifar10")
    few, more = (data.pick("cifar10", count, 7, complete=complete) for count in (5, 12))
    assert same(few, more.select(range(5)))
    assert len(set(more.ids) & set(of.ids)) == 12
    assert not same(few, data.pick("cifar10", 5, 8, complete=complete))
    if not complete:
        assert len(data.pick("cifar10", 99, 7, complete=False)) == 20


@pytest.mark.parametrize("count", [0, -1, 31])
def test_asking_for_more_than_there_is_is_a_user_error(tmp_path, write_parquet, images, labels, count):
    with pytest.raises(UserError, match=f"{count} images cannot be chosen: there are 30"):
        data.load("cifar10", count=count, directory=write_parquet(tmp_path, images, labels))


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_samples_are_foolbox_s(dataset, monkeypatch):
    batch = data.samples(dataset)
    assert len(set(batch.ids)) == 20
    assert list(batch.ids) == sorted(batch.ids)
    assert batch.source == "foolbox's 20 samples"
    assert batch.dataset == dataset
    monkeypatch.setenv("GIT_PYTHON_REFRESH", "quiet")  # foolbox imports GitPython, which wants a git binary
    foolbox_utils = pytest.importorskip("foolbox.utils")
    theirs, labels = foolbox_utils._samples(dataset, 0, 20, (32, 32), "channels_first", (0, 1))
    for image, label in zip(theirs, labels, strict=True):
        match = (batch.images - torch.from_numpy(image)).abs().amax((1, 2, 3)) < 1e-6
        assert batch.labels[match].tolist() == [label]


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_samples_are_images_of_the_full_test_set(full, dataset):
    samples, everything = data.samples(dataset), full(dataset)
    assert len(everything) == 10_000
    assert same(everything.select([everything.ids.index(id) for id in samples.ids]), samples)


def test_twenty_images_of_the_decoded_test_set_are_quick(full):
    first = full("cifar10", count=20, seed=3)
    start = time.perf_counter()
    again = full("cifar10", count=20, seed=3)
    assert time.perf_counter() - start < 0.2
    assert same(first, again)


def test_offline_without_any_cache_there_are_the_samples(monkeypatch):
    assert [(s.kind, s.complete) for s in data.available("cifar10")] == [("samples", False)]
    batch = data.load("cifar10")
    assert same(batch, data.samples("cifar10"))
    assert len(data.load("cifar10", count=5)) == 5
    with pytest.raises(UserError, match=r"21 images .* there are 20.*fetch the full"):
        data.load("cifar10", count=21)
    with pytest.raises(UserError, match="train images were not found"):
        data.load("cifar10", split="train", count=3)
    monkeypatch.setattr(sources, "_samples_folder", lambda: None)
    assert data.available("cifar10") == ()
    with pytest.raises(UserError, match="test images were not found"):
        data.load("cifar10")
    with pytest.raises(UserError, match="foolbox, which is not installed"):
        data.samples("cifar10")


def test_available_lists_the_best_source_first(tmp_path, monkeypatch, write_torchvision, images, labels):
    monkeypatch.setenv("CIFAR_ROOT", str(write_torchvision(tmp_path, images, labels)))
    assert [(s.kind, s.complete) for s in data.available("cifar10")] == [("folder", True), ("samples", False)]
    assert [s.kind for s in data.available("cifar10", "train")] == []
    assert data.load("cifar10").source == "CIFAR_ROOT: cifar10, test split"


def test_a_named_directory_is_not_replaced_by_another_source(tmp_path):
    with pytest.raises(UserError, match="has none"):
        data.load("cifar10", directory=tmp_path)


def test_a_batch_can_be_changed_without_changing_the_next(tmp_path, write_parquet, images, labels):
    folder = write_parquet(tmp_path, images, labels)
    first = data.load("cifar10", directory=folder)
    original = first.images.clone()
    first.images.zero_()
    first.labels.zero_()
    second = data.load("cifar10", directory=folder)
    assert torch.equal(second.images, original)
    assert second.labels.any()


def test_many_threads_decode_once_and_a_replaced_file_is_read_again(
    tmp_path, monkeypatch, write_parquet, images, labels
):
    folder = write_parquet(tmp_path, images, labels)
    reads = []

    def slow_read(*args):
        reads.append(args)
        time.sleep(0.05)
        return read(*args)

    read = sources.read
    monkeypatch.setattr(sources, "read", slow_read)
    batches = []
    threads = [
        threading.Thread(target=lambda: batches.append(data.load("cifar10", count=5, directory=folder)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(batches) == 8
    assert all(same(batch, batches[0]) for batch in batches)
    assert len(reads) == 1

    time.sleep(0.01)  # file times have a resolution
    write_parquet(tmp_path, images[:9], labels[:9])
    assert len(data.load("cifar10", directory=folder)) == 9


def test_a_training_machine_needs_none_of_the_apps_packages(tmp_path, write_parquet, images, labels):
    """Importing brings none of them in, and a folder is read where they cannot be imported."""
    write_parquet(tmp_path, images, labels)
    program = f"""
import sys
from rnorm_core.data.files import locate, read
absent = ("foolbox", "huggingface_hub", "streamlit", "scipy", "plotly", "torchvision")
print([name for name in absent if name in sys.modules])
sys.modules.update(dict.fromkeys(absent))
print(len(read(locate("cifar10", "test", {str(tmp_path)!r}), "cifar10", "test").ids))
try:
    locate("cifar10", "train")
except Exception as error:
    print(type(error).__name__)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert result.stdout.split() == ["[]", "30", "UserError"]
