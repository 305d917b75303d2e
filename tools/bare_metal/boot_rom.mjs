// A stand-in for the RP2040's boot ROM: the few functions that programs call, carried out in JavaScript.
//
// Rules of this file: written from the headers of the Pico SDK (pico/bootrom.h, sf_table.h) and the datasheet 2.8; a
// function that is not here stops the emulation with its number. Each entry is a breakpoint followed by a return.

const WORDS = 4096;
const FUNCTIONS_AT = 0x100;
const FLOATS_AT = 0x202; // Behind the size of its table, in words.
const TABLES_AT = 0x300;
const ENTRIES_AT = 0x400;
const FLOAT_COUNT = 32;
const LOOKUP = 0;
const FLOAT_0 = 32; // Numbers of breakpoints: functions below, floats from here on.

const scratch = new DataView(new ArrayBuffer(8));

function asFloat(word) {
  scratch.setUint32(0, word);
  return scratch.getFloat32(0);
}

function asWord(number) {
  scratch.setFloat32(0, number);
  return scratch.getUint32(0);
}

function clamp(number, low, high) {
  return Number.isNaN(number) ? 0 : Math.min(Math.max(Math.floor(number), low), high);
}

function wide(r) {
  return (BigInt(r[1]) << 32n) | BigInt(r[0]);
}

function putWide(r, value) {
  r[0] = Number(BigInt.asUintN(32, value));
  r[1] = Number(BigInt.asUintN(32, value >> 32n));
}

function wholeWide(number, low, high) {
  if (Number.isNaN(number)) return 0n;
  const whole = Number.isFinite(number) ? BigInt(Math.floor(number)) : number > 0 ? high : low;
  return whole < low ? low : whole > high ? high : whole;
}

const two = (r, work) => (r[0] = asWord(work(asFloat(r[0]), asFloat(r[1]))));
const one = (r, work) => (r[0] = asWord(work(asFloat(r[0]))));
const INT_LOW = -(2 ** 31);
const INT_HIGH = 2 ** 31 - 1;
const UINT_HIGH = 2 ** 32 - 1;
const WIDE_LOW = -(2n ** 63n);
const WIDE_HIGH = 2n ** 63n - 1n;
const UWIDE_HIGH = 2n ** 64n - 1n;

// By their place in the soft float table, version 2. `r`: the registers.
const FLOATS = {
  0: (r) => two(r, (a, b) => a + b),
  1: (r) => two(r, (a, b) => a - b),
  2: (r) => two(r, (a, b) => a * b),
  3: (r) => two(r, (a, b) => a / b),
  6: (r) => one(r, Math.sqrt),
  7: (r) => (r[0] = clamp(asFloat(r[0]), INT_LOW, INT_HIGH)),
  8: (r) => (r[0] = clamp(asFloat(r[0]) * 2 ** (r[1] | 0), INT_LOW, INT_HIGH)),
  9: (r) => (r[0] = clamp(asFloat(r[0]), 0, UINT_HIGH)),
  10: (r) => (r[0] = clamp(asFloat(r[0]) * 2 ** (r[1] | 0), 0, UINT_HIGH)),
  11: (r) => (r[0] = asWord(r[0] | 0)),
  12: (r) => (r[0] = asWord((r[0] | 0) / 2 ** (r[1] | 0))),
  13: (r) => (r[0] = asWord(r[0])),
  14: (r) => (r[0] = asWord(r[0] / 2 ** (r[1] | 0))),
  15: (r) => one(r, Math.cos),
  16: (r) => one(r, Math.sin),
  17: (r) => one(r, Math.tan),
  19: (r) => one(r, Math.exp),
  20: (r) => one(r, Math.log),
  22: (r) => two(r, Math.atan2),
  23: (r) => (r[0] = asWord(Number(BigInt.asIntN(64, wide(r))))),
  25: (r) => (r[0] = asWord(Number(wide(r)))),
  27: (r) => putWide(r, wholeWide(asFloat(r[0]), WIDE_LOW, WIDE_HIGH)),
  29: (r) => putWide(r, wholeWide(asFloat(r[0]), 0n, UWIDE_HIGH)),
  31: (r) => {
    scratch.setFloat64(0, asFloat(r[0]));
    r[1] = scratch.getUint32(0);
    r[0] = scratch.getUint32(4);
  },
};

function copy(chip, r) {
  for (let i = 0; i < r[2]; i++) chip.writeUint8(r[0] + i, chip.readUint8(r[1] + i));
}

function fill(chip, r) {
  for (let i = 0; i < r[2]; i++) chip.writeUint8(r[0] + i, r[1] & 0xff);
}

function lookup(chip, r) {
  for (let at = r[0]; ; at += 4) {
    const code = chip.readUint16(at);
    if (code === 0 || code === r[1]) {
      r[0] = code ? chip.readUint16(at + 2) : 0;
      return;
    }
  }
}

function reversed(word) {
  let turned = 0;
  for (let i = 0; i < 32; i++) turned = (turned << 1) | ((word >>> i) & 1);
  return turned;
}

function ones(word) {
  let count = 0;
  for (let left = word; left; left &= left - 1) count++;
  return count;
}

// Two letters -> what it does. `flash`: erase(offset, length), program(offset, bytes).
const FUNCTIONS = [
  ['MC', copy],
  ['C4', copy],
  ['MS', fill],
  ['S4', fill],
  ['P3', (chip, r) => (r[0] = ones(r[0]))],
  ['L3', (chip, r) => (r[0] = Math.clz32(r[0]))],
  ['T3', (chip, r) => (r[0] = r[0] ? 31 - Math.clz32(r[0] & -r[0]) : 32)],
  ['R3', (chip, r) => (r[0] = reversed(r[0]))],
  ['IF', () => {}],
  ['EX', () => {}],
  ['FC', () => {}],
  ['CX', () => {}],
  ['RE', (chip, r, flash) => flash.erase(r[0], r[1])],
  ['RP', (chip, r, flash) => flash.program(r[0], Uint8Array.from({ length: r[2] }, (_, i) => chip.readUint8(r[1] + i)))],
];

/** The 16 KiB of the ROM, for RP2040.loadBootrom. */
export function bootRom() {
  const words = new Uint32Array(WORDS);
  const view = new DataView(words.buffer);
  const entry = (number) => ENTRIES_AT + 4 * number;
  const half = (at, value) => view.setUint16(at, value, true);
  const code = (letters) => letters.charCodeAt(0) | (letters.charCodeAt(1) << 8);
  for (let number = 0; number < FLOAT_0 + FLOAT_COUNT; number++) {
    half(entry(number), 0xbe00 | number); // BKPT number
    half(entry(number) + 2, 0x4770); // BX LR
  }
  view.setUint32(0, 0x20042000, true);
  view.setUint32(4, entry(LOOKUP) | 1, true);
  view.setUint32(0x10, 0x02_01_75_4d, true); // "Mu", 1, version 2.
  half(0x14, FUNCTIONS_AT);
  half(0x16, TABLES_AT);
  half(0x18, entry(LOOKUP) | 1);
  FUNCTIONS.forEach(([letters], i) => {
    half(FUNCTIONS_AT + 4 * i, code(letters));
    half(FUNCTIONS_AT + 4 * i + 2, entry(i + 1) | 1);
  });
  half(TABLES_AT, code('SF'));
  half(TABLES_AT + 2, FLOATS_AT);
  view.setUint8(FLOATS_AT - 2, FLOAT_COUNT);
  for (let i = 0; i < FLOAT_COUNT; i++) view.setUint32(FLOATS_AT + 4 * i, entry(FLOAT_0 + i) | 1, true);
  return words;
}

/** Carry out breakpoint `number` on `chip`, whose flash writes go to `flash`. Error for what is not there. */
export function serve(chip, number, flash) {
  const r = chip.core.registers;
  const float = FLOATS[number - FLOAT_0];
  if (number === LOOKUP) lookup(chip, r);
  else if (number <= FUNCTIONS.length) FUNCTIONS[number - 1][1](chip, r, flash);
  else if (float) float(r);
  else throw new Error(`boot ROM function ${number} is not there (return address ${r[14].toString(16)})`);
}
