"""The norms, their names and their statistics modes."""

STATISTICS = ("tracked", "batch", "tracked-mean")
MEDIAN = "batch-median"  # computed live: the tables of accuracies hold networks in `MODES` alone
BRANCHES = ("clean-branch", "adversarial-branch")
MODES = (*STATISTICS, *BRANCHES)
NORMS = ("bn", "rn", "gn", "none", "dualbn")
# In the order of lists on the pages.
NORM_NAMES = {
    "bn": "BatchNorm", "rn": "RobustNorm", "none": "no norm", "gn": "GroupNorm", "dualbn": "dual BatchNorm",
}  # fmt: skip
DEFAULT_POWER = 0.2  # RobustNorm's p in the paper
EPS = 1e-5  # added to the variance, or to the power of the range, by default


def modes(norm: str) -> tuple[str, ...]:
    """The statistics modes of a norm, the default first; ValueError for an unknown name."""
    match norm:
        case "bn" | "rn":
            return STATISTICS
        case "gn" | "none":  # only one mode: these norms use statistics of single images, or none
            return STATISTICS[:1]
        case "dualbn":
            return BRANCHES
    raise ValueError(unknown(norm))


def all_modes(norm: str) -> tuple[str, ...]:
    """The `modes` of a norm, then those of which there is no table of accuracies."""
    return (*modes(norm), MEDIAN) if modes(norm) == STATISTICS else modes(norm)


def looks_at_batch(mode: str) -> bool:
    """Whether an image's prediction depends on the other images of its batch in this mode."""
    return mode in ("batch", "tracked-mean", MEDIAN)


def unknown(name: str) -> str:
    """The error message for an unknown name of a norm."""
    return f"Unknown norm {name!r}; choose one of {', '.join(NORMS)}."
