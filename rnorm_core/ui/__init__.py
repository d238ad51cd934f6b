"""The only Streamlit inside the core: what every page is built from.

A page is `with ui.guard("name"):` around choose -> compute -> show -> explain: it calls `ui.sidebar()` itself, asks for
settings through `ui.bound` and its relatives, computes through `ui.run`, and leads on through `ui.door`.
"""

from rnorm_core.ui.ask import attack, epsilon
from rnorm_core.ui.crafting import DIRECTIONS, Crafted, Outcome, Plan, Side, craft, showcase, sizes
from rnorm_core.ui.doors import PAGES, arrive, door
from rnorm_core.ui.guard import guard, problems
from rnorm_core.ui.images import name, pick_images
from rnorm_core.ui.keep import downloads
from rnorm_core.ui.look import FAVICON
from rnorm_core.ui.panels import before_and_after, chart, explain, live, pictures
from rnorm_core.ui.run import run
from rnorm_core.ui.sidebar import Settings, sidebar
from rnorm_core.ui.story import after_png, joint_note, of_all, verdict, what_happened
from rnorm_core.ui.url import bound, choose_one

__all__ = [
    "DIRECTIONS",
    "FAVICON",
    "PAGES",
    "Crafted",
    "Outcome",
    "Plan",
    "Settings",
    "Side",
    "after_png",
    "arrive",
    "attack",
    "before_and_after",
    "bound",
    "chart",
    "choose_one",
    "craft",
    "door",
    "downloads",
    "epsilon",
    "explain",
    "guard",
    "joint_note",
    "live",
    "name",
    "of_all",
    "pick_images",
    "pictures",
    "problems",
    "run",
    "showcase",
    "sidebar",
    "sizes",
    "verdict",
    "what_happened",
]
