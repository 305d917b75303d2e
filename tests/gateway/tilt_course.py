"""A synthetic wall: creep in three stages, the warmth of the day, and everything that only shakes it.

Documented generator (nothing here was recorded). Times are days from the start, angles millidegrees, always the same
for the same seed:
- creep: primary 150 * ln(1 + t) mdeg, slowing; secondary `steady` mdeg a day from day 3; tertiary from day `fails` on,
  steady * 0.5 * ((t - fails) / (1 - (t - fails) / 6)) more, running away towards day fails + 6. A wall
  that rests has none of them.
- warmth: 17 degC +- 9 over the day, warmest at 15:00, another swing each day; the wall shows `per_degc` mdeg for it.
- noise: Gaussian, 4 mdeg, as an inclinometer of 5.5 mdeg a step gives; values are rounded to whole steps.
- vehicles: some 200 a day, 350 mdeg this way and that for 4 s; wind: an hour each day of 250 mdeg at 0.21 Hz;
  a person leaning on the wall for 40 s, 400 mdeg, once a day; blows of 3,000 mdeg on single samples, 20 a day.
"""

import math
import random

STEP_MDEG = 5.5
DAY_S = 86_400


class Wall:
    """Gives (temperature in 0.01 degC, x in mdeg, y in mdeg) of any second; ask for ascending seconds."""

    def __init__(self, steady=0.0, fails=None, per_degc=0.0, seed=7, shaking=True):
        self.steady, self.fails, self.per_degc, self.shaking = steady, fails, per_degc, shaking
        self._chance = random.Random(seed)
        self._day = -1
        self._swing = 9.0
        self._vehicles, self._lean_s, self._wind_s = [], 0, 0

    def creep(self, day):
        if not self.steady:
            return 0.0
        out = 150 * math.log1p(day) + self.steady * max(0.0, day - 3)
        if self.fails is not None and day > self.fails:
            since = min(day - self.fails, 5.9)
            out += self.steady * 0.5 * since / (1 - since / 6)
        return out

    def rate(self, day):
        """mdeg a day of the creep alone, for whoever asks what should be found."""
        return (self.creep(day + 0.01) - self.creep(day - 0.01)) / 0.02

    def at(self, second):
        day, of_day_s = divmod(second, DAY_S)
        if day != self._day:
            self._begin(day)
        temp = 17 + self._swing * math.cos(2 * math.pi * (of_day_s / DAY_S - 15 / 24))
        turned = self.creep(second / DAY_S) + self.per_degc * (temp - 17)
        x = turned * 0.8 + self._chance.gauss(0, 4) + (self._shaken(of_day_s) if self.shaking else 0)
        y = turned * 0.6 + self._chance.gauss(0, 4)
        return round(temp * 100), *(round(round(value / STEP_MDEG) * STEP_MDEG) for value in (x, y))

    def _begin(self, day):
        chance = self._chance
        self._day = day
        self._swing = 9 * chance.uniform(0.5, 1.4)
        self._vehicles = sorted(chance.randrange(DAY_S) for _ in range(200))
        self._lean_s, self._wind_s = chance.randrange(DAY_S - 40), chance.randrange(DAY_S - 3600)

    def _shaken(self, of_day_s):
        out = 0.0
        while self._vehicles and of_day_s > self._vehicles[0] + 4:
            self._vehicles.pop(0)
        if self._vehicles and of_day_s >= self._vehicles[0]:
            out += self._chance.choice((-350, 350))
        if self._lean_s <= of_day_s < self._lean_s + 40:
            out += 400
        if self._wind_s <= of_day_s < self._wind_s + 3600:
            out += 250 * math.sin(of_day_s * 2 * math.pi * 0.21)
        if self._chance.random() < 20 / DAY_S:
            out += self._chance.choice((-3_000, 3_000))
        return out
