"""Which steps a check of this station has, in which order: from its station.toml alone.

Rules of this file: no gateway, no terminal. What needs nobody comes first, hands next, and what only the end can tell
last; every channel has a step.
"""

from dataclasses import dataclass

from gateway.config import Bus, Channel, Local, Source, Station
from gateway.load_fusion import fused_channel
from tools.check.asked import SirenStep, StaffStep
from tools.check.devices import BoardStep, FusedStep, ValuesStep
from tools.check.ending import CountStep, EndStep, HeardStep
from tools.check.moving import FUNNEL_MM, MOVES, MoveStep, SmokeStep, TipsStep
from tools.check.rules import RulesStep
from tools.check.step import Step
from tools.check.still import AnswersStep, CenterStep, GatewayStep, StoreStep

POLLS = 60


@dataclass(frozen=True)
class Wanted:
    """What of it is wanted: `only` these channels or sources; how rain is made; how many polls are counted."""

    only: tuple[str, ...] = ()
    pour_ml: int = 0
    funnel_mm: int = FUNNEL_MM
    polls: int = POLLS


@dataclass(frozen=True)
class Plan:
    """`still` needs nobody, `hands` somebody at the station, `ending` comes when nobody touches anything any more."""

    still: tuple[Step, ...]
    hands: tuple[Step, ...]
    ending: tuple[Step, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        return (*self.still, *self.hands, *self.ending)


def make_plan(config: Station, wanted: Wanted) -> Plan:
    """The plan; with `only`, the steps about these alone. An empty one where nothing is called so."""
    still: list[Step] = [GatewayStep(), StoreStep(), CenterStep()]
    still += [AnswersStep(place) for place in config.places]
    still += [BoardStep(source) for source in config.sources if source.board_type]
    still += [ValuesStep(source, config) for source in config.sources]
    still += [FusedStep(fusion) for fusion in config.fusions]
    still.append(RulesStep(config))
    hands: list[Step] = []
    for source in config.sources:
        for channel in source.channels:
            hands += _hands(source, channel, wanted)
    hands += [StaffStep(fused_channel(fusion)) for fusion in config.fusions]
    hands.append(SirenStep(config.siren, any(rule.siren for rule in config.rules)))
    ending: list[Step] = [_ending(place, wanted.polls) for place in config.places]
    ending.append(EndStep())
    plan = Plan(tuple(still), tuple(hands), tuple(ending))
    return _only(plan, set(wanted.only)) if wanted.only else plan


def names_of(config: Station) -> list[str]:
    """What --only may name."""
    names = [name for source in config.sources for name in (source.name, *(c.name for c in source.channels))]
    return list(dict.fromkeys([*names, *(fusion.name for fusion in config.fusions), "siren"]))


def _hands(source: Source, channel: Channel, wanted: Wanted) -> list[Step]:
    """What a person does about one channel."""
    found: list[Step] = []
    if channel.level is not None:
        found.append(StaffStep(channel, source.report_s))
    if channel.quantity in MOVES:
        found.append(MoveStep(source, channel))
    elif channel.quantity == "rain_um":
        found.append(TipsStep(source, channel, wanted.pour_ml, wanted.funnel_mm))
    elif channel.quantity == "smoke_mdbm":
        found.append(SmokeStep(source, channel, _beside(source, "smoke_contact")))
    elif channel.quantity == "smoke_contact" and _beside(source, "smoke_mdbm") is None:
        found.append(SmokeStep(source, None, channel))
    return found


def _beside(source: Source, quantity: str) -> Channel | None:
    return next((channel for channel in source.channels if channel.quantity == quantity), None)


def _ending(place: Bus | Local, polls: int) -> Step:
    return CountStep(place, polls) if isinstance(place, Bus) else HeardStep(place)


def _only(plan: Plan, names: set[str]) -> Plan:
    def kept(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return tuple(step for step in steps if step.id in names or (names & step.about() and not _whole(step)))

    return Plan(kept(plan.still), kept(plan.hands), kept(plan.ending))


def _whole(step: Step) -> bool:
    """Is it about a whole line? Then it belongs to no channel."""
    return isinstance(step, AnswersStep | CountStep | HeardStep)
