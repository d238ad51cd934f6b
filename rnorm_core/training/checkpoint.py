"""The file from which a training continues: weights and momentum as safetensors, other values as JSON in its header."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from rnorm_core import zoo
from rnorm_core.errors import UserError
from rnorm_core.replace import put

FIX = "free some disk space or name another folder with --work, then run the same command again."


def at(work: Path, name: str) -> Path:
    """The path of the checkpoint of the training with this name."""
    return work / f"{name}.checkpoint.safetensors"


def save(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: dict) -> None:
    """Replaces the checkpoint at `path` in one move, so that a kill or a full disk leaves the old one intact."""
    tensors = {f"model.{k}": v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        if "momentum_buffer" in optimizer.state[parameter]:
            tensors[f"momentum.{name}"] = optimizer.state[parameter]["momentum_buffer"].cpu().contiguous()
    text = json.dumps(progress)
    put({path: save_tensors(tensors, {"progress": text, "sha256": _digest(tensors, text)})}, FIX)


def read(path: Path) -> tuple[dict[str, Tensor], dict]:
    """(tensors, progress) of a checkpoint; UserError if it is damaged."""
    try:
        with safe_open(path, "pt") as file:
            tensors, about = {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
        if {"progress", "sha256"} - about.keys():
            raise ValueError("it is no checkpoint, or one of another version")
        if about["sha256"] != _digest(tensors, about["progress"]):
            raise ValueError("its content does not match its checksum")
        return tensors, json.loads(about["progress"])
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(
            f"The checkpoint {path} cannot be read: {error}.",
            "delete it and train again from the start, or restore a good copy.",
        ) from error


def _digest(tensors: dict[str, Tensor], progress: str) -> str:
    return hashlib.sha256((zoo.digest(tensors) + progress).encode()).hexdigest()


def restore(tensors: dict[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Puts a checkpoint's tensors back into a model and its optimizer."""
    model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    for name, parameter in model.named_parameters():
        if f"momentum.{name}" in tensors:
            momentum = tensors[f"momentum.{name}"].to(parameter.device)
            optimizer.state[parameter]["momentum_buffer"] = torch.empty_like(parameter).copy_(momentum)
