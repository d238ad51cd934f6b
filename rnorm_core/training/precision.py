"""In which precision a device should train: bfloat16 is quick where it is in the hardware, and very slow elsewhere."""

from dataclasses import replace

import torch

from rnorm_core.training.recipe import Recipe


def has_bf16(device: torch.device) -> bool:
    """Whether the device itself computes in bfloat16. A CPU that imitates it needs about ten times as long as in
    float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        known = torch.cpu.get_capabilities()
        return any(known.get(key) for key in ("avx512_bf16", "amx_bf16", "bf16"))  # the last is ARM's
    return False


def fitting(plan: Recipe, device: torch.device) -> Recipe:
    """The plan, in float32 where it asks for a bfloat16 that the device does not have."""
    return replace(plan, precision="fp32") if plan.precision == "bf16" and not has_bf16(device) else plan
