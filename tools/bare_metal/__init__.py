"""A board of ours on bare metal, without hardware: MicroPython's own RP2040 image under an emulator of the chip."""
