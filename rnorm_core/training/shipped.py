"""The zoo: the name of every network in the repository, and the arguments of the training that made it.

The most important networks come first. The names are those that `rnorm_core.training` gives by default.
"""

# Half of VGG-11's channels: the weights take 9.2 MB, below the limit of 10 MB; at full width they would take 37 MB.
NARROW = "--model vgg11 --width 0.5"
# 22 instead of the recipe's 44 epochs, for networks that train slowly. So compare only networks of one architecture.
HALF = "--epochs 22"
DEEP = "--model resnet38 --epochs 12"
HUNDRED = "--dataset cifar100"

ZOO: dict[str, str] = {
    # Three seeds. Networks of one seed differ only in their norm; the network without a norm also has another recipe.
    "cifar10-resnet20-bn": "--norm bn",
    "cifar10-resnet20-rn": "--norm rn",
    "cifar10-resnet20-none": "--norm none",
    "cifar10-resnet20-gn": "--norm gn",
    "cifar10-resnet20-bn-seed1": "--norm bn --seed 1",
    "cifar10-resnet20-rn-seed1": "--norm rn --seed 1",
    "cifar10-resnet20-none-seed1": "--norm none --seed 1",
    "cifar10-resnet20-bn-seed2": "--norm bn --seed 2",
    "cifar10-resnet20-rn-seed2": "--norm rn --seed 2",
    "cifar10-resnet20-none-seed2": "--norm none --seed 2",
    # As accurate on held-out training images as RobustNorm that was trained without them: is it only less trained?
    "cifar10-resnet20-bn-early": "--norm bn --holdout 5000 --stop-at-accuracy 0.9028",
    # Trained on adversarial images.
    "cifar10-resnet20-bn-adv": "--norm bn --recipe adv",
    "cifar10-resnet20-rn-adv": "--norm rn --recipe adv",
    "cifar10-resnet20-none-adv": "--norm none --recipe adv",
    "cifar10-resnet20-dualbn-adv": "--norm dualbn --recipe adv",
    # Other values of RobustNorm's p; 0.2 is above.
    "cifar10-resnet20-rn-p100": "--norm rn --power 1.0",
    "cifar10-resnet20-rn-p050": "--norm rn --power 0.5",
    "cifar10-resnet20-rn-p035": "--norm rn --power 0.35",
    "cifar10-resnet20-rn-p010": "--norm rn --power 0.1",
    # Other architectures.
    "cifar10-resnet38-bn": f"{DEEP} --norm bn",
    "cifar10-resnet38-rn": f"{DEEP} --norm rn",
    "cifar10-vgg11-bn": f"{NARROW} {HALF} --norm bn",
    "cifar10-vgg11-rn": f"{NARROW} {HALF} --norm rn",
    # The same on the other data set.
    "cifar100-resnet20-bn": f"{HUNDRED} --norm bn",
    "cifar100-resnet20-rn": f"{HUNDRED} --norm rn",
    "cifar100-resnet20-none": f"{HUNDRED} --norm none",
    "cifar100-resnet20-bn-seed1": f"{HUNDRED} --norm bn --seed 1",
    "cifar100-resnet20-rn-seed1": f"{HUNDRED} --norm rn --seed 1",
    "cifar100-resnet20-none-seed1": f"{HUNDRED} --norm none --seed 1",
    "cifar100-resnet20-bn-seed2": f"{HUNDRED} --norm bn --seed 2",
    "cifar100-resnet20-rn-seed2": f"{HUNDRED} --norm rn --seed 2",
    "cifar100-resnet20-none-seed2": f"{HUNDRED} --norm none --seed 2",
    "cifar100-resnet20-bn-adv": f"{HUNDRED} --norm bn --recipe adv",
    "cifar100-resnet20-rn-adv": f"{HUNDRED} --norm rn --recipe adv",
}
