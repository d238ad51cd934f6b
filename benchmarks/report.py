"""What every benchmark says about its machine, and where its tables go. Needs only Python itself."""

import os
import platform
from datetime import date
from pathlib import Path


def machine() -> str:
    """The processor, its threads, the load now, and the date."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{name}, {os.cpu_count()} threads{load}, {platform.system()}, {date.today().isoformat()}"


def publish(text: str, out: Path | None) -> None:
    """Prints the tables, and writes them to the file that was asked for."""
    print(text)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
