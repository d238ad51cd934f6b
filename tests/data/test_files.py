import hashlib
import os
import pickle

import huggingface_hub.constants
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from rnorm_core.data import data_hash
from rnorm_core.data.files import locate, read
from rnorm_core.errors import UserError


def expected(images, labels):
    """(ids, images, labels) sorted by id, the long way."""
    rows = sorted((hashlib.sha256(image.tobytes()).hexdigest(), i) for i, image in enumerate(images))
    order = [i for _, i in rows]
    return tuple(id for id, _ in rows), images[order], [labels[i] for i in order]


def check(pixels, images, labels):
    ids, images, labels = expected(images, labels)
    assert pixels.ids == ids
    assert pixels.images.dtype == np.uint8
    assert np.array_equal(pixels.images, images)
    assert pixels.labels.dtype == np.int64
    assert pixels.labels.tolist() == labels


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_parquet_and_torchvision_give_the_same_pixels(
    tmp_path, write_parquet, write_torchvision, images, labels, dataset, split
):
    parquet = write_parquet(tmp_path / "parquet", images, labels, dataset, f"{split}-00000-of-00001.parquet")
    torchvision = write_torchvision(tmp_path / "torchvision", images, labels, dataset, split)
    check(read(parquet, dataset, split), images, labels)
    check(read(torchvision, dataset, split), images, labels)


def test_parquet_in_parts_and_as_webp(tmp_path, write_parquet, images, labels):
    write_parquet(tmp_path, images[:11], labels[:11], name="train-00000-of-00002.parquet", format="WEBP")
    write_parquet(tmp_path, images[11:], labels[11:], name="train-00001-of-00002.parquet")
    check(read(tmp_path, "cifar10", "train"), images, labels)


def test_a_missing_part_is_not_a_smaller_data_set(tmp_path, write_parquet, images, labels):
    write_parquet(tmp_path, images, labels, name="train-00000-of-00002.parquet")
    with pytest.raises(UserError, match="a total of 2"):
        read(tmp_path, "cifar10", "train")


def test_the_hub_repository_and_the_torchvision_folder_itself_are_found(
    tmp_path, write_parquet, write_torchvision, images, labels
):
    write_parquet(tmp_path / "repository" / "plain_text", images, labels)
    check(read(tmp_path / "repository", "cifar10", "test"), images, labels)
    write_torchvision(tmp_path, images, labels)
    check(read(tmp_path / "cifar-10-batches-py", "cifar10", "test"), images, labels)


def test_a_pickle_of_todays_python_and_numpy_is_read(tmp_path, images, labels):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    for protocol in (4, 5):
        (folder / "test_batch").write_bytes(pickle.dumps({b"data": rows, b"labels": labels}, protocol))
        check(read(tmp_path, "cifar10", "test"), images, labels)


def test_the_pixels_are_read_only(tmp_path, write_parquet, images, labels):
    pixels = read(write_parquet(tmp_path, images, labels), "cifar10", "test")
    with pytest.raises(ValueError, match="read-only"):
        pixels.images[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        pixels.labels[0] = 0


class Malicious:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_that_calls_something_is_refused_and_not_obeyed(tmp_path, protocol):
    marker = tmp_path / "was here"
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    evil = pickle.dumps([Malicious(marker)], protocol)
    (folder / "test_batch").write_bytes(evil)
    with pytest.raises(UserError, match="mkdir, which no CIFAR file needs"):
        read(tmp_path, "cifar10", "test")
    assert not marker.exists()
    pickle.loads(evil)
    assert marker.exists()  # so the refusal above was needed


def damaged_torchvision(tmp_path, content):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(content)


ROWS = np.zeros((2, 3072), dtype=np.uint8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "test_batch cannot be read"),
        (b"no pickle", "test_batch cannot be read"),
        (pickle.dumps({b"data": ROWS, b"labels": [0, 1]})[:-900], "test_batch cannot be read"),
        (pickle.dumps([1, 2]), "test_batch cannot be read"),
        (pickle.dumps({b"data": ROWS}), "no b'labels'"),
        (pickle.dumps({b"data": ROWS[:, :-1], b"labels": [0, 1]}), r"uint8 \(2, 3071\)"),
        (pickle.dumps({b"data": ROWS.astype(float), b"labels": [0, 1]}), "float64"),
        (pickle.dumps({b"data": ROWS, b"labels": [0]}), "2 images"),
        (pickle.dumps({b"data": ROWS, b"labels": [0, 10]}), "10 classes"),
        (pickle.dumps({b"data": ROWS, b"labels": [0, -1]}), "labels -1"),
        (pickle.dumps({b"data": ROWS[:0], b"labels": []}), "0 images"),
    ],
)
def test_a_damaged_torchvision_file_is_a_user_error(tmp_path, content, message):
    damaged_torchvision(tmp_path, content)
    with pytest.raises(UserError, match=message):
        read(tmp_path, "cifar10", "test")


def test_a_missing_training_batch_is_a_user_error(tmp_path, write_torchvision, images, labels):
    write_torchvision(tmp_path, images, labels, split="train")
    (tmp_path / "cifar-10-batches-py" / "data_batch_4").unlink()
    with pytest.raises(UserError, match="data_batch_4"):
        read(tmp_path, "cifar10", "train")


@pytest.mark.parametrize("where", ["start", "middle", "end", "everything"])
def test_corrupted_parquet_is_a_user_error(tmp_path, write_parquet, images, labels, where):
    path = write_parquet(tmp_path, images, labels) / "test-00000-of-00001.parquet"
    raw = path.read_bytes()
    half = len(raw) // 2
    path.write_bytes(
        {
            "start": b"",
            "middle": raw[:half] + bytes(2000) + raw[half + 2000 :],
            "end": raw[:half],
            "everything": bytes(len(raw)),
        }[where]
    )
    with pytest.raises(UserError, match="cannot be read as CIFAR images") as error:
        read(tmp_path, "cifar10", "test")
    assert str(path) in error.value.what


def test_parquet_of_another_data_set_is_a_user_error(tmp_path, write_parquet, images, labels):
    write_parquet(tmp_path, images, labels, "cifar10")
    with pytest.raises(UserError, match="no columns img and fine_label"):
        read(tmp_path, "cifar100", "test")


def test_images_of_another_size_are_a_user_error(tmp_path, write_parquet, images, labels):
    write_parquet(tmp_path, images[:, :, :28], labels)
    with pytest.raises(UserError, match="28x32"):
        read(tmp_path, "cifar10", "test")


@pytest.mark.parametrize("column", ["img", "label"])
def test_missing_values_in_parquet_are_a_user_error(tmp_path, write_parquet, images, labels, column):
    path = write_parquet(tmp_path, images, labels) / "test-00000-of-00001.parquet"
    table = pyarrow.parquet.read_table(path)
    index = table.column_names.index(column)
    values = [None, *table.column(column).to_pylist()[1:]]
    pyarrow.parquet.write_table(table.set_column(index, column, pyarrow.array(values, table[column].type)), path)
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path, "cifar10", "test")


@pytest.mark.parametrize(("dataset", "split"), [("mnist", "test"), ("cifar10", "validation")])
def test_unknown_names_list_the_valid_ones(tmp_path, dataset, split):
    with pytest.raises(UserError, match="choose one of"):
        read(tmp_path, dataset, split)


def test_locate_takes_the_directory_then_cifar_root_then_the_hub_cache(
    tmp_path, monkeypatch, write_parquet, write_torchvision, images, labels
):
    with pytest.raises(UserError, match="neither CIFAR_ROOT"):
        locate("cifar10", "test")

    cache = tmp_path / "filled-cache" / "datasets--uoft-cs--cifar10"
    snapshot = write_parquet(cache / "snapshots" / ("1" * 40) / "plain_text", images, labels)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("1" * 40)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache.parent))
    assert locate("cifar10", "test") == snapshot
    with pytest.raises(UserError, match="train images were not found"):
        locate("cifar10", "train")

    root = write_torchvision(tmp_path / "root", images, labels)
    monkeypatch.setenv("CIFAR_ROOT", str(root))
    assert locate("cifar10", "test") == root

    given = write_parquet(tmp_path / "given", images, labels)
    assert locate("cifar10", "test", given) == given
    with pytest.raises(UserError, match="hub-less has none"):
        locate("cifar10", "test", tmp_path / "hub-less")


def test_a_cifar_root_that_is_no_folder_is_a_user_error(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_ROOT", str(tmp_path / "typo"))
    with pytest.raises(UserError, match=r"CIFAR_ROOT names .*typo"):
        locate("cifar10", "test")


def test_a_cifar_root_with_another_data_set_is_passed_over(tmp_path, monkeypatch, write_torchvision, images, labels):
    monkeypatch.setenv("CIFAR_ROOT", str(write_torchvision(tmp_path, images, labels, "cifar100")))
    with pytest.raises(UserError, match="neither"):
        locate("cifar10", "test")


def test_the_real_test_set(full):
    """Oracles from outside: the known size, ten balanced classes, the published mean of the test images."""
    pixels = read(locate("cifar10", "test"), "cifar10", "test")
    assert np.bincount(pixels.labels).tolist() == [1000] * 10
    assert np.allclose(pixels.images.mean((0, 1, 2)) / 255, [0.4942, 0.4851, 0.4504], atol=1e-4)
    assert data_hash(pixels.ids) == "39e27d3f6341dd5786a997e808fccd71e885eb154533fa37d7ad574dc296633b"
