"""What a kind of rule is."""

from collections.abc import Callable
from typing import NamedTuple

from gateway.config import Rule
from gateway.points import Points
from gateway.rule_table import RuleTable


class Kind(NamedTuple):
    """`read` makes the rule of a [[rule]], or None where it is wrong; `make` makes what judges it. `channel`: what its
    rules are about, where that is none of the station's channels.
    """

    read: Callable[[RuleTable], Rule | None]
    make: Callable[[Rule, Points], None]
    channel: str | None = None
