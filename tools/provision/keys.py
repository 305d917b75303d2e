"""What only one board on Wi-Fi and its station know: its key of the Wi-Fi, and its password at the station's broker.

Rules of this file: made new for each serial, in a file of its own below `secrets`, beside station.toml (folders 0700,
files 0600); the same serial keeps its own, and two never have the same. Nothing of it is printed, or part of an error.
What broker and access point get is written from the boards that station.toml names now: who is not named has no access.
"""

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config import Local, Station
from tools.broker_access import PASSWORDS, RIGHTS, check_names, new_password, rights, write_access
from tools.faults import fault

FOLDER, BROKER = "secrets", "broker"
WIFI_KEYS, CONF = "wpa_psk", "mosquitto.conf"
KEY_BYTES = 18
FILE_BYTES_MAX = 1_000
SECRET = ("wifi_key", "password")  # Of a board.json's link.
_SERIAL = re.compile(r"[0-9a-f]{16}")
_KEY = re.compile(r"[!-~]{16,63}")


@dataclass(frozen=True)
class Keys:
    """Of the board `serial`."""

    serial: str
    wifi_key: str
    password: str

    def __repr__(self) -> str:
        return f"Keys(serial={self.serial!r})"

    def link(self, ssid: str) -> dict[str, str]:
        """As they stand in the link of its board.json."""
        return {"ssid": ssid, "wifi_key": self.wifi_key, "username": self.serial, "password": self.password}


class KeyStore:
    """The folder beside `station_file`."""

    def __init__(self, station_file: Path, lang: str) -> None:
        self.folder = station_file.absolute().parent / FOLDER
        self.broker = self.folder / BROKER
        self._lang = lang

    def get(self, serial: str) -> Keys | None:
        """The keys of `serial`; None where it has none yet. `Failure` for a file that is damaged, or a copy."""
        path = self._path(serial)
        try:
            with path.open("rb") as file:
                found = json.loads(file.read(FILE_BYTES_MAX))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._bad(path, type(error).__name__) from None
        if not isinstance(found, dict) or found.get("serial") != serial:
            raise self._bad(path, "serial")
        texts = [found.get(name) for name in SECRET]
        if not all(isinstance(text, str) and _KEY.fullmatch(text) for text in texts):
            raise self._bad(path, ", ".join(SECRET))
        return Keys(serial, *map(str, texts))

    def make(self, serial: str) -> Keys:
        """Those of `serial`, made and durable where there were none. `Failure`."""
        before = self.get(serial)
        if before is not None:
            self._check_alone(before)
            return before
        made = Keys(serial, secrets.token_urlsafe(KEY_BYTES), new_password())
        document = {"serial": serial, "wifi_key": made.wifi_key, "password": made.password}
        try:
            self._make_folder(self.folder)
            _write(self._path(serial), json.dumps(document, indent=1) + "\n")
        except OSError as error:
            raise self._unwritable(error) from None
        return made

    def serials(self) -> list[str]:
        """Who has keys."""
        found = self.folder.glob("*.json") if self.folder.is_dir() else []
        return sorted(path.stem for path in found if _SERIAL.fullmatch(path.stem))

    def forget(self, serial: str) -> bool:
        """The unit is not of this station any more: its keys go, and are never used again."""
        path = self._path(serial)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unwritable(error) from None
        return True

    def write_access(self, station: Station) -> list[str]:
        """Write what broker and access point need, for the boards that `station` names; the serials that have access.

        `Failure`. Nothing is written where it stands so already.
        """
        assert station.local is not None
        boards = {}
        for source in station.local.sources:
            keys = self.get(source.serial) if source.serial else None
            if keys is not None:
                self._check_alone(keys)
                boards[keys.serial] = keys
        passwords = {serial: keys.password for serial, keys in boards.items()}
        gateways = gateway_password(station.local, self._lang)
        if not self._stands(station.id, boards, gateways):
            try:
                self._make_folder(self.folder)
                self._make_folder(self.broker)
                lines = write_access(self.broker, station.id, passwords, gateways)
                _write(self.broker / CONF, lines)
                _write(self.broker / WIFI_KEYS, wifi_lines(boards))
            except OSError as error:
                raise self._unwritable(error) from None
        return sorted(boards)

    def _stands(self, station: str, boards: Mapping[str, Keys], gateways: Mapping[str, str]) -> bool:
        """Do the files say so already? Passwords lie there as hashes, so their names are compared."""
        try:
            named = {line.partition(":")[0] for line in (self.broker / PASSWORDS).read_text().splitlines()}
            said = (self.broker / RIGHTS).read_text().splitlines()
            keys = (self.broker / WIFI_KEYS).read_text()
        except OSError:
            return False
        return (
            named == {*boards, *gateways}
            and said == rights(station, dict.fromkeys(boards, ""), gateways)
            and (keys == wifi_lines(boards))
        )

    def _check_alone(self, keys: Keys) -> None:
        """`Failure` where another serial has one of them: a file that somebody copied."""
        for serial in self.serials():
            other = self.get(serial) if serial != keys.serial else None
            if other is not None and (other.wifi_key == keys.wifi_key or other.password == keys.password):
                raise self._bad(self._path(keys.serial), f"= {self._path(serial).name}")

    def _path(self, serial: str) -> Path:
        if not _SERIAL.fullmatch(serial):
            raise ValueError(f"{serial!r} is no board's serial")
        return self.folder / f"{serial}.json"

    def _make_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)

    def _bad(self, path: Path, seen: str) -> Exception:
        return fault("bad_keys", self._lang, seen=f"{path.name}: {seen}", file=path)

    def _unwritable(self, error: OSError) -> Exception:
        return fault("unwritable", self._lang, seen=error.strerror or str(error), file=self.folder)


def gateway_password(local: Local, lang: str) -> dict[str, str]:
    """{name: password} of the gateway, as station.toml says; {} where it does not. `Failure` for what is none."""
    if not local.username or not local.password_file:
        return {}
    path = Path(local.password_file)
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise fault("unreadable", lang, seen=str(error), file=path) from None
    try:
        check_names({}, {local.username: password})
    except ValueError:
        raise fault("bad_password", lang, seen=f"{local.username}, {path.name}", file=path) from None
    return {local.username: password}


def wifi_lines(boards: Mapping[str, Keys]) -> str:
    """hostapd's wpa_psk_file: a key for each station's MAC."""
    lines = [f"{_mac(serial)} {boards[serial].wifi_key}\n" for serial in sorted(boards)]
    return "".join(lines)


def _mac(serial: str) -> str:
    own = serial[-12:]
    return ":".join(own[at : at + 2] for at in range(0, 12, 2))


def hashed(link: Mapping[str, Any], salt: str) -> dict[str, str]:
    """The secrets of a link as snippets/look.py tells them."""
    from hashlib import sha256

    return {key: sha256((salt + str(link[key])).encode()).hexdigest() for key in SECRET if key in link}


def _write(path: Path, text: str) -> None:
    """Whole or not at all, for its owner alone."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
