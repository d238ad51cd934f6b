"""The cost of showing progress: `python -m benchmarks.watched`, with Playwright and a Chromium.

Seconds of the experiment of the page Statistic shift (20 sample images, two networks, PGD at seven sizes) in three
cases: in a process without a page; on the page, from the first sign of progress to the last; and on the page with a
full garbage collection after every run. This collection is Streamlit's default, and `.streamlit/config.toml` turns it
off. Server and browser share the processors of this machine, so a part of the difference is the browser's own work.
"""

import argparse
import shutil
import statistics
import time
from itertools import count

from playwright.sync_api import sync_playwright

from benchmarks.pages import ROOT, serve
from rnorm_core.data import ImageChoice
from rnorm_core.experiments import shift_sweep
from rnorm_core.zoo import Variant

VARIANTS = [Variant.of(f"cifar10-resnet20-{norm}", "tracked") for norm in ("bn", "rn")]


def alone(seed: int) -> float:
    """Seconds of the experiment without a page."""
    request = shift_sweep.Request(VARIANTS[0], VARIANTS[1], ImageChoice.of_samples(count=20, seed=seed), "pgd", "cpu")
    began = time.perf_counter()
    shift_sweep.run(request)
    return time.perf_counter() - began


def watched(browser, address: str, seed: int) -> float:
    """Seconds from the first to the last sign of progress on the page. A new seed is a new computation."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/shift?seed={seed}")
    bar = page.locator('[data-testid="stProgress"]')
    bar.wait_for(timeout=60_000)
    began = last = time.perf_counter()
    while time.perf_counter() - last < 3:  # no progress for 3 seconds: the experiment is done
        if bar.count():
            last = time.perf_counter()
        page.wait_for_timeout(100)
    page.close()
    return last - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="program; default: the installed Chromium")
    options = parser.parse_args()
    servers = {"watched": serve(ROOT / "app.py")}
    servers["watched, collecting"] = serve(ROOT / "app.py", STREAMLIT_RUNNER_POST_SCRIPT_GC="true")
    times: dict[str, list[float]] = {"alone": [], **{name: [] for name in servers}}
    seeds = count()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        try:
            for turn in range(options.rounds + 1):
                seconds_by_name = {"alone": alone(next(seeds))}
                seconds_by_name |= {
                    name: watched(browser, address, next(seeds)) for name, (_, address) in servers.items()
                }
                for name, seconds in seconds_by_name.items() if turn else ():  # the first round reads models and images
                    times[name].append(seconds)
        finally:
            browser.close()
            for server, _ in servers.values():
                server.terminate()
    print(f"median (largest) of {options.rounds} rounds, seconds, and times that without a page")
    usual = statistics.median(times["alone"])
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        print(f"{name:22} {middle:6.1f} ({max(seconds):.1f}) {middle / usual:6.2f}")


if __name__ == "__main__":
    main()
