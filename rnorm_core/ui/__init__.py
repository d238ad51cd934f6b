"""The only Streamlit inside the core: what every page is built from.

A page is `with ui.guard("name"):` around choose -> compute -> show -> explain: it calls `ui.sidebar()` itself, asks for
settings through `ui.bound` and its relatives, computes through `ui.run`, and leads on through `ui.door`.
"""

from rnorm_core.ui.ask import attack, epsilon
from rnorm_core.ui.ask_accuracy import Curves, attack_and_size, choose_curves, choose_power, measurement, read_table
from rnorm_core.ui.crafting import DIRECTIONS, Crafted, Outcome, Side, craft, showcase, sizes
from rnorm_core.ui.doors import PAGES, door
from rnorm_core.ui.guard import guard, problems
from rnorm_core.ui.guard import show as show_error
from rnorm_core.ui.images import name, pick_images
from rnorm_core.ui.keep import downloads, numbers
from rnorm_core.ui.look import FAVICON
from rnorm_core.ui.measuring import Measured, Measurement, measure
from rnorm_core.ui.panels import before_and_after, chart, explain, glance, live, pictures
from rnorm_core.ui.run import is_stopped, run
from rnorm_core.ui.shipped import WORST, Comparison, compare, conditions, lines, records, told
from rnorm_core.ui.shipped import title as attack_title
from rnorm_core.ui.sidebar import Settings, sidebar
from rnorm_core.ui.story import after_png, joint_note, of_all, verdict, what_happened
from rnorm_core.ui.url import bound, choose_one

__all__ = [
    "DIRECTIONS",
    "FAVICON",
    "PAGES",
    "WORST",
    "Comparison",
    "Crafted",
    "Curves",
    "Measured",
    "Measurement",
    "Outcome",
    "Settings",
    "Side",
    "after_png",
    "attack",
    "attack_and_size",
    "attack_title",
    "before_and_after",
    "bound",
    "chart",
    "choose_curves",
    "choose_one",
    "choose_power",
    "compare",
    "conditions",
    "craft",
    "door",
    "downloads",
    "epsilon",
    "explain",
    "glance",
    "guard",
    "is_stopped",
    "joint_note",
    "lines",
    "live",
    "measure",
    "measurement",
    "name",
    "numbers",
    "of_all",
    "pick_images",
    "pictures",
    "problems",
    "read_table",
    "records",
    "run",
    "show_error",
    "showcase",
    "sidebar",
    "sizes",
    "told",
    "verdict",
    "what_happened",
]
