"""The precision for training on a device: bfloat16 is fast if the hardware supports it, and very slow otherwise."""

from dataclasses import replace

import torch

from rnorm_core.training.recipe import Recipe


def has_bf16(device: torch.device) -> bool:
    """Whether the hardware computes in bfloat16. A CPU that imitates it needs about ten times as long as in float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        known = torch.cpu.get_capabilities()
        return any(known.get(key) for key in ("avx512_bf16", "amx_bf16", "bf16"))  # "bf16" is ARM's
    return False


def fitting(plan: Recipe, device: torch.device) -> Recipe:
    """The recipe; float32 replaces bfloat16 if the device has no bfloat16."""
    return replace(plan, precision="fp32") if plan.precision == "bf16" and not has_bf16(device) else plan
