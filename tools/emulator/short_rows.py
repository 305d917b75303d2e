"""A kind of board that is as one of boards/, but makes its rows every few seconds: for rigs that need many of them."""

from pathlib import Path

import boards


def short_rows(folder: Path, board_type: str, row_s: int) -> str:
    """Write the definition into `folder`; its path, for BoardSpec and for `type` in station.toml."""
    text = (Path(boards.__file__).parent / f"{board_type}.toml").read_text(encoding="utf-8")
    usual = "\nrow_s = 60\n"
    if text.count(usual) != 1:
        raise ValueError(f"{board_type}.toml has no line {usual.strip()!r}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{board_type}-{row_s}s.toml"
    path.write_text(text.replace(usual, f"\nrow_s = {row_s}\n"), encoding="utf-8")
    return str(path)
