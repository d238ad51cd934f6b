"""The names of the data sets, of their classes and of the superclasses."""

from rnorm_core.errors import UserError

_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
# Superclass: its five classes; Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images". The names of
# the superclasses are written so that they can end the sentence "both are ...", and the two of vehicles are one here.
_CIFAR100 = """
    aquatic mammals: beaver dolphin otter seal whale
    fish: aquarium_fish flatfish ray shark trout
    flowers: orchid poppy rose sunflower tulip
    food containers: bottle bowl can cup plate
    fruit and vegetables: apple mushroom orange pear sweet_pepper
    household electrical devices: clock keyboard lamp telephone television
    household furniture: bed chair couch table wardrobe
    insects: bee beetle butterfly caterpillar cockroach
    large carnivores: bear leopard lion tiger wolf
    large man-made outdoor things: bridge castle house road skyscraper
    large natural outdoor scenes: cloud forest mountain plain sea
    large omnivores and herbivores: camel cattle chimpanzee elephant kangaroo
    medium-sized mammals: fox porcupine possum raccoon skunk
    non-insect invertebrates: crab lobster snail spider worm
    people: baby boy girl man woman
    reptiles: crocodile dinosaur lizard snake turtle
    small mammals: hamster mouse rabbit shrew squirrel
    trees: maple_tree oak_tree palm_tree pine_tree willow_tree
    vehicles: bicycle bus motorcycle pickup_truck train
    vehicles: lawn_mower rocket streetcar tank tractor
"""

# class -> superclass; CIFAR-10 has none
SUPERCLASSES: dict[str, dict[str, str]] = {
    "cifar10": {},
    "cifar100": {
        name: superclass.strip()
        for superclass, names in (line.split(":") for line in _CIFAR100.strip().splitlines())
        for name in names.split()
    },
}
# in the order of the labels; CIFAR-100's are the fine ones, in alphabetical order
CLASSES: dict[str, tuple[str, ...]] = {
    "cifar10": tuple(_CIFAR10.split()),
    "cifar100": tuple(sorted(SUPERCLASSES["cifar100"])),
}

SPLITS = ("train", "test")


def class_title(name: str) -> str:
    """A class as people write it: "pickup_truck" -> "pickup truck"."""
    return name.replace("_", " ")


def check(dataset: str, split: str = "test") -> None:
    """UserError unless both names are known."""
    if dataset not in CLASSES:
        raise UserError(f"There is no data set {dataset!r}.", f"choose one of {', '.join(CLASSES)}.")
    if split not in SPLITS:
        raise UserError(f"{dataset} has no split {split!r}.", f"choose one of {', '.join(SPLITS)}.")
