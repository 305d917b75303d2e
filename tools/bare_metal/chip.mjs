// One emulated board: chip, flash, line, pins; from power to power.
//
// Rules of this file: time passes only in `run`, by instructions or to the next alarm; flash survives everything, RAM
// and the watchdog's scratch words survive a reset, RAM alone a supply that dips, nothing else does.

import { bootRom, serve } from './boot_rom.mjs';
import { Line } from './uart.mjs';

const FLASH_AT = 0x10000000;
const WATCHDOG = 0x40058;
const FLASH_PORT = 0x18000;
const FLASH_DATA = 0x60;
const READ_UNIQUE_ID = 0x4b; // Answered by 4 bytes of nothing and the 8 of the number.
const UNIQUE_ID = [0xe6, 0x61, 0x64, 0x08, 0x43, 0x2a, 0x5b, 0x21];
const OSCILLATOR = 0x40060;
const RANDOM_BIT = 0x1c;
const CYCLE_NS = 8; // 125 MHz.
const ERASED = 0xff;
const BLOCK_BYTES = 4096;
const CONSOLE_CHARS_MAX = 100_000;

class PowerCut extends Error {}

/** NOR flash: programming clears bits; every operation is counted and may be the one at which the power fails. */
class Flash {
  constructor(bytes) {
    this.bytes = bytes;
    this.erases = 0;
    this.programs = 0;
    this.cutInOps = 0;
    this.cutOf = ''; // Which operations count towards the cut: 'erase', 'program'; '' = both.
    this.partPermil = 0;
  }

  erase(offset, length) {
    this.erases += length / BLOCK_BYTES;
    this.#do('erase', length, (count) => this.bytes.fill(ERASED, offset, offset + count));
  }

  program(offset, data) {
    this.programs++;
    this.#do('program', data.length, (count) => {
      for (let i = 0; i < count; i++) this.bytes[offset + i] &= data[i];
    });
  }

  #do(kind, length, work) {
    const counts = !this.cutOf || this.cutOf === kind;
    const cut = counts && this.cutInOps > 0 && --this.cutInOps === 0;
    work(cut ? Math.floor((length * this.partPermil) / 1000) : length);
    if (cut) throw new PowerCut();
  }
}

export class Board {
  /** `emulator`: the module rp2040js. `pins`: {line: UART number, de: pin or null}. */
  constructor(emulator, image, pins) {
    this.emulator = emulator;
    this.pins = pins;
    this.flash = new Flash(new Uint8Array(image));
    this.console = '';
    this.sent = []; // [value, start_ns, end_ns] of every byte that left.
    this.driven = []; // [level, ns] of every change of the driver pin.
    this.adc = {};
    this.rest = {}; // Level of input pins at the start.
    this.onSent = () => {};
    this.onConsole = () => {};
    this.on = false;
    this.resets = 0;
    this.random = 2463534242;
  }

  /** Switch on at `startMs` of the chip's timer. */
  power(startMs) {
    this.#start(startMs * 1e6, null);
  }

  /** The supply dips: the chip starts anew, its RAM is what it was. */
  dip() {
    const { sram } = this.chip;
    this.#start(this.now, { sram, scratch: new Uint32Array(8), reason: 0 });
  }

  get now() {
    return this.clock.nanos;
  }

  #start(nanos, before) {
    const { RP2040, USBCDC, ConsoleLogger, LogLevel } = this.emulator;
    this.clock ??= new RP2040().clock; // Its class is not exported.
    this.clock = new this.clock.constructor();
    this.clock.nanosCounter = nanos;
    const chip = new RP2040(this.clock);
    this.chip = chip;
    chip.logger = new ConsoleLogger(LogLevel.Error, false);
    chip.logger.error = () => {};
    chip.loadBootrom(bootRom());
    chip.flash.fill(ERASED); // A reset of the emulated chip wipes it, so it comes after.
    chip.flash.set(this.flash.bytes);
    this.flash.bytes = chip.flash;
    const oscillator = chip.peripherals[OSCILLATOR];
    const read = oscillator.readUint32.bind(oscillator);
    oscillator.readUint32 = (offset) => (offset === RANDOM_BIT ? this.#randomBit() : read(offset));
    this.#number(chip.peripherals[FLASH_PORT]);
    const watchdog = chip.peripherals[WATCHDOG];
    watchdog.onWatchdogTrigger = () => {
      this.resetting = true;
      watchdog.alarm.enabled = false; // At nought the emulated timer would come again at once, for ever.
    };
    if (before) {
      chip.sram.set(before.sram);
      watchdog.scratchData.set(before.scratch);
      watchdog.reason = before.reason;
    }
    this.resetting = false;
    chip.onBreak = (number) => serve(chip, number, this.flash);
    chip.core.PC = FLASH_AT;
    this.#attach(chip, USBCDC);
    this.on = true;
  }

  /** Let the flash tell its unique number, which is the board's serial. */
  #number(port) {
    const [read, write] = [port.readUint32.bind(port), port.writeUint32.bind(port)];
    const answer = [0, 0, 0, 0, 0, ...UNIQUE_ID];
    let waiting = [];
    let told = answer.length;
    port.writeUint32 = (offset, value) => {
      if (offset === FLASH_DATA && value === READ_UNIQUE_ID) told = 0;
      if (offset === FLASH_DATA && told < answer.length) waiting.push(answer[told++]);
      else write(offset, value);
    };
    port.readUint32 = (offset) => (offset === FLASH_DATA && waiting.length ? waiting.shift() : read(offset));
  }

  /** The same bits in every run (xorshift32). */
  #randomBit() {
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return x & 1;
  }

  #attach(chip, USBCDC) {
    this.line = new Line(chip, this.pins.line, (...byte) => {
      this.sent.push(byte);
      this.onSent(byte[0]);
    });
    new Line(chip, 1 - this.pins.line, () => {}); // A silent sensor at the other one.
    const { de } = this.pins;
    if (de !== null) {
      chip.gpio[de].addListener((state) => this.driven.push([state === 1 ? 1 : 0, this.clock.nanos]));
    }
    Object.assign(chip.adc.channelValues, this.adc);
    for (const [pin, level] of Object.entries(this.rest)) chip.gpio[pin].setInputValue(level);
    const serial = new USBCDC(chip.usbCtrl);
    // The emulated host would answer every read with an empty packet, and the chip would never sleep: so a read is held
    // until there is something to type.
    const answer = chip.usbCtrl.onEndpointRead;
    let held = 0;
    this.typed = [];
    this.onTyped = () => {
      if (!held || !this.typed.length) return;
      const size = held;
      held = 0;
      for (const byte of this.typed.splice(0, size)) serial.sendSerialByte(byte);
      answer(serial.outEndpoint, size);
    };
    chip.usbCtrl.onEndpointRead = (endpoint, size) => {
      if (endpoint !== serial.outEndpoint) return answer(endpoint, size);
      held = size;
      this.onTyped();
    };
    const text = new TextDecoder();
    serial.onSerialData = (bytes) => {
      this.console = (this.console + text.decode(bytes, { stream: true })).slice(-CONSOLE_CHARS_MAX);
      this.onConsole(bytes);
    };
  }

  /** Somebody types `bytes` on the console; the chip takes them as it can. */
  type(bytes) {
    this.typed.push(...bytes);
    this.onTyped();
  }

  /** Let `nanos` pass, or less: until `until()`, which is asked every `slice` nanoseconds. */
  run(nanos, until = () => false, slice = 100_000) {
    const end = this.now + nanos;
    try {
      while (this.on && this.now < end && !until()) this.#slice(Math.min(this.now + slice, end));
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.on = false;
    }
  }

  #slice(end) {
    const { chip, clock } = this;
    const { core } = chip;
    while (clock.nanosCounter < end) {
      if (core.waiting) {
        const next = clock.nextAlarm ? clock.nanosToNextAlarm : Infinity;
        clock.tick(Math.min(next, end - clock.nanosCounter)); // An alarm's interrupt ends the sleep.
      } else {
        clock.tick(core.executeInstruction() * CYCLE_NS);
      }
      if (this.resetting) {
        const watchdog = chip.peripherals[WATCHDOG];
        this.resets++;
        this.#start(this.now, { sram: chip.sram, scratch: watchdog.scratchData, reason: watchdog.reason });
        return;
      }
    }
  }

  setAdc(values) {
    Object.assign(this.adc, values);
    Object.assign(this.chip.adc.channelValues, values);
  }

  /** `edges`: [microseconds from now, level] in order, at `pin`. */
  setPin(pin, edges) {
    const { chip, clock } = this;
    for (const [us, level] of edges) {
      clock.createAlarm(() => chip.gpio[pin].setInputValue(!!level)).schedule(us * 1000);
    }
  }
}
