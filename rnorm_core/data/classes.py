"""The names of the data sets and of their classes."""

from rnorm_core.errors import UserError

_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100 = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
    motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate
    poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
    wardrobe whale willow_tree wolf woman worm
"""

# in the order of the labels; CIFAR-100's are the fine ones
CLASSES: dict[str, tuple[str, ...]] = {"cifar10": tuple(_CIFAR10.split()), "cifar100": tuple(_CIFAR100.split())}

SPLITS = ("train", "test")


def check(dataset: str, split: str = "test") -> None:
    """UserError unless both names are known."""
    if dataset not in CLASSES:
        raise UserError(f"There is no data set {dataset!r}.", f"choose one of {', '.join(CLASSES)}.")
    if split not in SPLITS:
        raise UserError(f"{dataset} has no split {split!r}.", f"choose one of {', '.join(SPLITS)}.")
