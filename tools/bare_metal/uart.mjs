// The emulator's UART with what it lacks: a transmit FIFO that takes its time, interrupts by level and by time-out.
//
// Rules of this file: every byte takes its bits at the programmed rate, in both directions. Source: RP2040 datasheet
// 4.2 (PL011). The emulator keeps the transmit interrupt asserted for ever, in which an interrupt handler never ends.
// A byte that came with a wrong stop bit, and a break, carry their error flags, as DR and RSR give them.

const DR = 0x0;
const CR = 0x30;
const UART_ON = 1;
const FRAMING_ERROR = 1 << 8;
const BREAK_ERROR = 1 << 10;
const IFLS = 0x34;
const FIFO_BYTES = 32;
const LEVELS = [4, 8, 16, 24, 28]; // Eighths of the FIFO, as IFLS numbers them.
const RX = 1 << 4;
const TX = 1 << 5;
const RX_TIMEOUT = 1 << 6;
const TIMEOUT_BITS = 32;

export class Line {
  /** `onByte(value, start_ns, end_ns)` for every byte that has left. */
  constructor(chip, number, onByte) {
    this.chip = chip;
    this.uart = chip.uart[number];
    this.clock = chip.clock;
    this.onByte = onByte;
    this.sending = [];
    this.arriving = [];
    this.busy = false;
    this.overruns = 0;
    this.deaf = false; // A receiver that got stuck: it takes nothing until the UART is switched on anew.
    this.selected = 0x12;
    this.sent = this.clock.createAlarm(() => this.#byteSent());
    this.arrival = this.clock.createAlarm(() => this.#byteArrived());
    this.quiet = this.clock.createAlarm(() => this.#raise(RX_TIMEOUT));
    this.#replace();
  }

  /** Nanoseconds of one character: start, data, parity, stop. */
  get charNanos() {
    const { uart } = this;
    const control = uart.lineCtrlRegister;
    const bits = 1 + uart.wordLength + (control & 2 ? 1 : 0) + (control & 8 ? 2 : 1);
    return (bits * 1e9 * 16 * uart.baudDivider) / this.chip.clkPeri;
  }

  /** Bytes begin to come now, one after another; `wrong`: each with a low stop bit, so that a 0 is a break. */
  feed(bytes, wrong = false) {
    const begins = !this.arriving.length;
    for (const value of bytes) {
      this.arriving.push(wrong ? value | FRAMING_ERROR | (value ? 0 : BREAK_ERROR) : value);
    }
    if (begins && bytes.length) this.arrival.schedule(this.charNanos);
  }

  get idle() {
    return !this.busy && !this.arriving.length;
  }

  #replace() {
    const { uart } = this;
    const [read, write] = [uart.readUint32.bind(uart), uart.writeUint32.bind(uart)];
    Object.defineProperty(uart, 'flags', { get: () => this.#flags() });
    uart.checkInterrupts = () => this.#check();
    uart.interruptStatus = 0;
    uart.readUint32 = (offset) => {
      if (offset === IFLS) return this.selected;
      if (offset === DR) return this.#pull();
      return read(offset);
    };
    uart.writeUint32 = (offset, value) => {
      if (offset === CR && value & UART_ON) this.deaf = false;
      if (offset === DR) this.#send(value & 0xff);
      else if (offset === IFLS) this.selected = value & 0x3f;
      else write(offset, value);
    };
  }

  #flags() {
    const { rxFIFO } = this.uart;
    return (
      (this.busy ? 1 << 3 : 0) |
      (rxFIFO.empty ? 1 << 4 : 0) |
      (this.sending.length >= FIFO_BYTES ? 1 << 5 : 0) |
      (rxFIFO.full ? 1 << 6 : 0) |
      (this.sending.length ? 0 : 1 << 7)
    );
  }

  #check() {
    const { uart } = this;
    this.chip.setInterrupt(uart.irq, !!(uart.interruptStatus & uart.interruptMask));
  }

  #raise(bits) {
    this.uart.interruptStatus |= bits;
    this.#check();
  }

  #lower(bits) {
    this.uart.interruptStatus &= ~bits;
    this.#check();
  }

  #send(value) {
    if (this.sending.length < FIFO_BYTES) this.sending.push(value);
    if (this.sending.length > LEVELS[this.selected & 7]) this.#lower(TX);
    if (!this.busy) this.#next();
  }

  #next() {
    this.busy = this.sending.length > 0;
    if (!this.busy) return;
    const value = this.sending.shift();
    const start = this.clock.nanos;
    this.current = { value, start };
    this.sent.schedule(this.charNanos);
    if (this.sending.length === LEVELS[this.selected & 7]) this.#raise(TX);
  }

  #byteSent() {
    const { value, start } = this.current;
    this.onByte(value, start, this.clock.nanos);
    this.#next();
  }

  #byteArrived() {
    const { rxFIFO } = this.uart;
    if (this.uart.enabled && !this.deaf) {
      if (rxFIFO.full) this.overruns++;
      else rxFIFO.push(this.arriving[0]);
      if (rxFIFO.itemCount >= LEVELS[(this.selected >> 3) & 7]) this.#raise(RX);
      const bits = this.charNanos / 10;
      this.quiet.schedule(TIMEOUT_BITS * bits);
    }
    this.arriving.shift();
    if (this.arriving.length) this.arrival.schedule(this.charNanos);
  }

  #pull() {
    const { rxFIFO } = this.uart;
    const value = rxFIFO.pull();
    if (rxFIFO.itemCount < LEVELS[(this.selected >> 3) & 7]) this.#lower(RX);
    if (rxFIFO.empty) {
      this.quiet.cancel();
      this.#lower(RX_TIMEOUT);
    }
    return value;
  }
}
