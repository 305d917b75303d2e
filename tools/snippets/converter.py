"""What a converter of the board shows, before any table: microvolts, one reading after another."""

STEP_MS = 5


def converter(definition: dict, number: int, count: int) -> list:
    """`definition`: with the ports and the link that the board is meant to have."""
    HAL[0].use(definition)
    adc = HAL[0].adc(number)
    found = []
    for _ in range(count):
        feed()
        HAL[0].wait(STEP_MS)
        found.append(adc.read_uv())
    return found
