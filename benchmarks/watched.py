"""What it costs work to be watched: `python -m benchmarks.watched`, with Playwright and a Chromium.

Seconds of what the Statistic shift page computes (20 sample images, two networks, PGD at seven sizes): in a process of
its own; on the page, from the first sign of progress to the last; and on the page with a full garbage collection after
every run, which is Streamlit's default and which `.streamlit/config.toml` turns off. Server and browser share this
machine's processors, so that a part of the difference is the browser's own.
"""

import argparse
import shutil
import statistics
import time
from itertools import count
from types import SimpleNamespace

import torch
from playwright.sync_api import sync_playwright

from benchmarks.pages import ROOT, serve
from rnorm_core.ui import shifting
from rnorm_core.ui.crafting import Side

SIDES = [Side.of(f"cifar10-resnet20-{norm}", "tracked") for norm in ("bn", "rn")]


def alone(seed: int) -> float:
    """Seconds of the work with nobody looking."""
    plan = shifting.Plan(*SIDES, "cifar10", False, "", 20, None, "pgd", seed, "cpu")
    began = time.perf_counter()
    shifting.carry_out(plan, 1, SimpleNamespace(progress=lambda *_: None))  # type: ignore[arg-type]
    return time.perf_counter() - began


def watched(browser, address: str, seed: int) -> float:
    """Seconds for which a visitor sees progress; a new seed is new work."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/shift?seed={seed}")
    bar = page.locator('[data-testid="stProgress"]')
    bar.wait_for(timeout=60_000)
    began = last = time.perf_counter()
    while time.perf_counter() - last < 3:  # gone for so long: it is over
        if bar.count():
            last = time.perf_counter()
        page.wait_for_timeout(100)
    page.close()
    return last - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="default: the one that is installed")
    options = parser.parse_args()
    torch.set_num_threads(1)  # as jobs of the app do
    servers = {"watched": serve(ROOT / "app.py")}
    servers["watched, collecting"] = serve(ROOT / "app.py", STREAMLIT_RUNNER_POST_SCRIPT_GC="true")
    times: dict[str, list[float]] = {"alone": [], **{name: [] for name in servers}}
    seeds = count()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        try:
            for turn in range(options.rounds + 1):
                found = {"alone": alone(next(seeds))}
                found |= {name: watched(browser, address, next(seeds)) for name, (_, address) in servers.items()}
                for name, seconds in found.items() if turn else ():  # the first reads models and images
                    times[name].append(seconds)
        finally:
            browser.close()
            for server, _ in servers.values():
                server.terminate()
    print(f"median (largest) of {options.rounds} rounds, seconds, and times that of nobody watching")
    usual = statistics.median(times["alone"])
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        print(f"{name:22} {middle:6.1f} ({max(seconds):.1f}) {middle / usual:6.2f}")


if __name__ == "__main__":
    main()
