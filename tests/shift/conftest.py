"""The folder of images of the training tests."""

from tests.training.conftest import cifar

__all__ = ["cifar"]
