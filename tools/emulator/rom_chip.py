"""What the ROM of an ESP32 has behind its commands: registers, and a flash that is a file.

Rules of this file: flash as it is: a program only clears bits, an erase sets whole sectors. A program that would have
to set a bit is kept in `faults` and refused: whoever writes has forgotten to erase. No line is shared with tools/image.
Source: Espressif, "ESP32 Technical Reference Manual" (SPI, eFuse, UART), esptool's "Serial Protocol" page.
"""

import os
from dataclasses import dataclass
from pathlib import Path

SECTOR_BYTES = 4096
BLANK = b"\xff"
MAGIC_REG = 0x4000_1000
EFUSE = 0x3FF5_A000
SPI = 0x3FF4_2000
SPI_CMD, SPI_ADDR, SPI_USR2, SPI_W0 = SPI, SPI + 0x04, SPI + 0x24, SPI + 0x80
SPI_GO = 1 << 18
READ_ID, READ_SFDP = 0x9F, 0x5A
SFDP_MARK = 0x5044_4653
RTC_CALIBRATION = 0x3FF5_F06C
UART_DIVIDER = 0x3FF4_0014
APB_DATE = 0x3FF6_607C
VENDOR = 0xC8  # GigaDevice, as on many modules.


@dataclass(frozen=True)
class Kind:
    """A chip as esptool tells it: by `magic` at an address of its ROM, or newer ones by `chip_id` of a command."""

    magic: int
    chip_id: int | None


ESP32 = Kind(0x00F0_1D83, None)
ESP32_S3 = Kind(0, 9)
ESP8266 = Kind(0xFFF0_C101, None)


class PowerCut(Exception):
    """The power went in the middle of a flash operation."""


class Chip:
    """Registers and flash of one chip. `flash_path`: its flash as a file, made blank where there is none."""

    def __init__(self, flash_path: Path, flash_bytes: int, mac: bytes, kind: Kind = ESP32) -> None:
        self.kind = kind
        self.mac = mac
        self.flash_bytes = flash_bytes
        self.path = flash_path
        self.erased_sectors = 0
        self.programmed_bytes = 0
        self.cut_after: int | None = None  # Flash operations: sectors erased, blocks programmed.
        self.faults: list[str] = []
        self._registers = self._at_power_on()
        if not flash_path.exists():
            flash_path.write_bytes(BLANK * flash_bytes)
        self._file = flash_path.open("r+b", buffering=0)
        if os.fstat(self._file.fileno()).st_size != flash_bytes:
            raise ValueError(f"{flash_path} is not {flash_bytes} bytes long")

    def close(self) -> None:
        self._file.close()

    def read_register(self, address: int) -> int:
        return self._registers.get(address, 0)

    def write_register(self, address: int, value: int, mask: int) -> None:
        self._registers[address] = self._registers.get(address, 0) & ~mask | value & mask
        if address == SPI_CMD and value & SPI_GO:
            self._registers[SPI_CMD] = 0  # Done at once.
            self._registers[SPI_W0] = self._spi(self._registers.get(SPI_USR2, 0) & 0xFFFF)

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, offset)

    def erase(self, offset: int, length: int) -> None:
        """Blank every sector that `offset` to `offset + length` touches."""
        first = offset // SECTOR_BYTES * SECTOR_BYTES
        end = -(-(offset + length) // SECTOR_BYTES) * SECTOR_BYTES
        for at in range(first, end, SECTOR_BYTES):
            self._operation(at, BLANK * SECTOR_BYTES)
            self.erased_sectors += 1

    def program(self, offset: int, data: bytes) -> bool:
        """Clear the bits that are 0 in `data`; False, with nothing done, where one would have to be set."""
        before = int.from_bytes(self.read(offset, len(data)), "little")
        if int.from_bytes(data, "little") & ~before:
            self.faults.append(f"{len(data)} bytes at {offset:#x} were not erased before")
            return False
        self._operation(offset, data)
        self.programmed_bytes += len(data)
        return True

    def _operation(self, offset: int, data: bytes) -> None:
        """Write `data`; half of it where the power goes."""
        cut = self.cut_after is not None and self.cut_after <= 0
        os.pwrite(self._file.fileno(), data[: len(data) // 2] if cut else data, offset)
        if cut:
            self.cut_after = None
            raise PowerCut
        if self.cut_after is not None:
            self.cut_after -= 1

    def _spi(self, command: int) -> int:
        if command == READ_ID:
            return VENDOR | 0x40 << 8 | (self.flash_bytes.bit_length() - 1) << 16
        return SFDP_MARK if command == READ_SFDP else 0

    def _at_power_on(self) -> dict[int, int]:
        """Revision 3.0; a calibration by which the ROM's clock is what it should be."""
        return {
            MAGIC_REG: self.kind.magic,
            EFUSE + 4: int.from_bytes(self.mac[2:], "big"),
            EFUSE + 8: int.from_bytes(self.mac[:2], "big"),
            EFUSE + 12: 1 << 15,
            EFUSE + 16: 128,
            EFUSE + 20: 1 << 20,
            RTC_CALIBRATION: 800 << 7,
            UART_DIVIDER: 40_000_000 // 115_200,
            APB_DATE: 1 << 31,
        }
