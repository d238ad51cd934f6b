"""What several experiments need."""

from tests.small_cifar import cifar  # noqa: F401  (a fixture)
