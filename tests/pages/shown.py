"""What the components of a page show."""

import json
from dataclasses import dataclass
from functools import cached_property

from streamlit.testing.v1 import AppTest


@dataclass(frozen=True)
class Chart:
    data: dict

    @property
    def alt(self) -> str:
        return self.data["alt"]

    @cached_property
    def spec(self) -> dict:
        return self.data["spec"]


def is_chart(block) -> bool:
    return _is(block, "chart")


def is_player(block) -> bool:
    return _is(block, "attack_player")


def _is(block, component: str) -> bool:
    return block.type == "bidi_component" and block.proto.component_name.split(".")[-1] == component


def charts(page: AppTest) -> list[Chart]:
    return [Chart(json.loads(block.proto.json)) for block in page.get("bidi_component") if is_chart(block)]
