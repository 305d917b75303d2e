"""How a new site is shown: its wiring list and its steps, for a terminal and as Markdown.

Rules of this file: nothing is wider than the terminal but what is to be copied.
"""

from tools.failure import LINE_MAX, columns, wrapped
from tools.site.made import Made
from tools.site.texts import said

NAME_COLUMNS_MAX = 14
ROOM_LEAST = 20


def terminal(made: Made, room: int = LINE_MAX) -> str:
    """Wiring list and steps as lines of at most `room` columns."""
    lines = [made.wiring.title]
    for section in made.wiring.sections:
        lines += ["", section.title]
        width = min(NAME_COLUMNS_MAX, max(columns(name) for name, _ in section.rows)) + 2
        before = ""
        for name, text in section.rows:
            lines += _row("" if name == before else name, text, width, room)
            before = name
    lines += ["", said("wiring", "title", "steps", made.lang)]
    for number, step in enumerate(made.steps, start=1):
        lines += _row(f"{number}", step.text, 4, room)
        lines += [f"      {step.command}"] if step.command else []
    return "\n".join(lines)


def markdown(made: Made) -> str:
    """The same as a document."""
    lines = [f"# {made.wiring.title}"]
    for section in made.wiring.sections:
        lines += ["", f"## {section.title}", ""]
        lines += [f"- **{name}**: {text.strip()}" if name else f"- {text.strip()}" for name, text in section.rows]
    lines += ["", f"## {said('wiring', 'title', 'steps', made.lang)}", ""]
    for number, step in enumerate(made.steps, start=1):
        lines.append(f"{number}. {step.text}")
        lines += ["", f"       {step.command}", ""] if step.command else []
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, text: str, width: int, room: int) -> list[str]:
    """A name, and its text beside it; a long name has a line of its own."""
    lines = []
    if columns(name) >= width:
        lines.append(f"  {name}")
        name = ""
    for part in wrapped(text, max(ROOM_LEAST, room - width - 3)):
        lines.append(f"  {name}{' ' * (width - columns(name))}{part}")
        name = ""
    return lines
