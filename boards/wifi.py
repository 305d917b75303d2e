"""What a board on Wi-Fi has beside its definition: who it is to the network and to the station's broker.

Rules of this file: a secret is never part of a hash, of an error's text or of anything that is printed. The hash of a
definition is told to everybody on the broker; a short key could be guessed from it, and a new key is no new board.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct, to_builtins

from boards.strict import Findings, record


class Credentials(Struct, frozen=True):
    """The station's Wi-Fi, and the board's own name and password at the station's broker."""

    ssid: Annotated[str, Meta(min_length=1, max_length=32, description="the name of the station's Wi-Fi in quotes")]
    wifi_key: Annotated[
        str, Meta(pattern=r"^[ -~]{8,63}$", description="the Wi-Fi's key: 8 to 63 letters, digits and signs")
    ]
    username: Annotated[
        str, Meta(pattern=r"^[0-9a-f]{16}$", description="the board's serial, 16 hex digits: its name at the broker")
    ]
    password: Annotated[
        str, Meta(pattern=r"^[!-~]{16,64}$", description="16 to 64 letters, digits and signs, for this board alone")
    ]

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r})"


def credentials_for(settings: Mapping[str, Any]) -> dict[str, str]:
    """`settings` as they stand in the link of a board.json. DefinitionError, without a value in its text."""
    findings = Findings("credentials of a board")
    made = record(Credentials, dict(settings), "", findings)
    if made is not None and len(made.ssid.encode()) > 32:
        findings.add("ssid", "is longer than 32 bytes; no Wi-Fi has such a name")
    findings.stop_if_any()
    return to_builtins(made)
