// One emulated board as a process: orders as JSON lines on stdin, one answer each on stdout.
//
// node board.mjs RP2040JS_FOLDER FLASH_IMAGE UART DE_PIN    (DE_PIN "-": none)
//
// Rules of this file: between orders the board stands still, except while it is paced to the wall clock for somebody
// on the TCP ports, where the bytes of its line and of its console come and go.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Board } from './chip.mjs';

const MS = 1e6;
const PACE_MS = 2;
const LAG_MS_MAX = 200; // Behind the wall clock by more than this: the wall clock waits.
const ANSWER_CHARS = 4; // So long after its last byte an answer is over.

const [folder, image, uart, de] = process.argv.slice(2);
const emulator = await import(pathToFileURL(`${folder}/dist/esm/index.js`).href);
const pins = { line: Number(uart), de: de === '-' ? null : Number(de) };
const board = new Board(emulator, readFileSync(image), pins);

let pace = null;

function state() {
  const { flash } = board;
  return { on: board.on, now_ms: board.on ? board.now / MS : 0, resets: board.resets, erases: flash.erases, programs: flash.programs };
}

/** Send a request on the line; the answer with the times of its bytes and of the driver pin. */
function ask({ hex, limit_ms }) {
  board.sent = [];
  board.driven = [];
  const { line } = board;
  line.feed(Buffer.from(hex, 'hex'));
  const gap = ANSWER_CHARS * line.charNanos;
  const over = () => board.sent.length > 0 && line.idle && board.now - board.sent.at(-1)[2] > gap;
  board.run(limit_ms * MS, over, 50_000);
  const { sent, driven } = board;
  return {
    hex: Buffer.from(sent.map(([value]) => value)).toString('hex'),
    starts_ns: sent.map(([, start]) => start),
    ends_ns: sent.map(([, , end]) => end),
    driven,
    char_ns: line.charNanos,
  };
}

/** A server on a TCP port: what comes is given to `take`; `attach` gets a call that sends. */
function serve(take, attach) {
  return createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('data', take);
    socket.on('error', () => socket.destroy()); // The other side hung up: to a board that is silence.
    attach((bytes) => socket.writable && socket.write(Buffer.from(bytes)));
  });
}

function listen(done) {
  const line = serve(
    (bytes) => board.line.feed(bytes),
    (send) => (board.onSent = (value) => send([value])),
  );
  const desk = serve(
    (bytes) => board.type(bytes),
    (send) => (board.onConsole = send),
  );
  line.listen(0, '127.0.0.1', () =>
    desk.listen(0, '127.0.0.1', () => done({ port: line.address().port, console_port: desk.address().port })),
  );
  let wall = performance.now();
  let last = wall;
  const timer = setInterval(() => {
    const now = performance.now();
    wall += Math.min(now - last, LAG_MS_MAX);
    last = now;
    const begin = performance.now();
    while (wall > 0 && performance.now() - begin < 20) {
      const part = Math.min(now - begin + PACE_MS, PACE_MS);
      if (board.paced + part > wall) break;
      board.run(part * MS);
      board.paced += part;
    }
    if (wall - board.paced > LAG_MS_MAX) board.paced = wall - LAG_MS_MAX;
  }, PACE_MS);
  board.paced = wall;
  return { servers: [line, desk], timer };
}

const ORDERS = {
  power: ({ start_ms }, done) => {
    board.console = '';
    board.power(start_ms);
    done({});
  },
  dip: (_, done) => (board.dip(), done({})),
  rest: ({ pin, level }, done) => ((board.rest[pin] = !!level), done({})),
  run: ({ ms, until }, done) => {
    board.run(ms * MS, until ? () => board.console.includes(until) : undefined);
    done({ console: board.console });
  },
  ask: (order, done) => done(ask(order)),
  adc: ({ steps }, done) => (board.setAdc(steps), done({})),
  pin: ({ pin, edges }, done) => (board.setPin(pin, edges), done({})),
  disturb: ({ hex, wrong, gap_us }, done) => {
    const { line } = board;
    line.feed(Buffer.from(hex, 'hex'), wrong);
    board.run(hex.length / 2 * line.charNanos + gap_us * 1e3);
    done({});
  },
  deafen: (_, done) => ((board.line.deaf = true), done({})),
  cut: ({ ops, part_permil, of }, done) => {
    board.flash.cutInOps = ops;
    board.flash.cutOf = of;
    board.flash.partPermil = part_permil;
    done({});
  },
  listen: (_, done) => (pace = listen(done)),
  stop: (_, done) => {
    clearInterval(pace.timer);
    for (const server of pace.servers) server.close();
    board.onSent = board.onConsole = () => {};
    done({});
  },
};

const lines = createInterface({ input: process.stdin });
lines.on('line', (text) => {
  const order = JSON.parse(text);
  const done = (answer) => process.stdout.write(JSON.stringify({ ...answer, ...state() }) + '\n');
  try {
    ORDERS[order.do](order, done);
  } catch (error) {
    process.stdout.write(JSON.stringify({ error: String(error.stack), console: board.console }) + '\n');
  }
});
lines.on('close', () => process.exit(0));
