/**
 * Attacks a server for a while, over one entrance: a program of its own, so that it takes no time of whoever measures. Its
 * connections never wait, never read where that hurts, and start over when they are closed. Started by attacks.ts.
 */
import { randomUUID } from "node:crypto";
import { connect, type Socket } from "node:net";
import { clientFrame } from "./load-socket.ts";
import { tokenOf } from "./switchboard-device.ts";

export interface Attack {
  readonly kind: AttackKind;
  readonly port: number;
  readonly sipPort: number;
  /** Where it comes from: the loopback has many addresses, and what one may do must not be at the innocent's cost. */
  readonly address: string;
  readonly seconds: number;
}

const chunkBytes = 65_536;

const ping = '{"type":"ping"}';
const ack = '{"type":"ack","seq":0}';
const old = '{"id":1,"type":"status","status":""}';
const large = `{"id":1,"type":"send","to":"x","body":[${Array(2_600).fill('{"a":[1,{"b":"c"}]}').join(",")}]}`;
const sipHead =
  "Via: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n";
const malformed = "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKx\r\nContent-Length: 0\r\n\r\n";
const options = `OPTIONS sip:b SIP/2.0\r\n${sipHead}Content-Length: 0\r\n\r\n`;
const response = `SIP/2.0 200 OK\r\n${sipHead}${"X: <sip:a@b>;x=y\r\n".repeat(100)}Content-Length: 0\r\n\r\n`;
const link = (body: string) =>
  `POST /link HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;

/** Each kind: what it says once a connection is open, and what it then repeats. */
const floods = {
  "WebSocket: pings": native(ping),
  "WebSocket: acknowledgements": native(ack),
  "WebSocket: requests sent before": native(old),
  "WebSocket: large requests sent before": native(large),
  "SIP over WebSocket: pings": sipFrames("\r\n\r\n"),
  "SIP over WebSocket: malformed": sipFrames(malformed),
  "SIP over WebSocket: OPTIONS": sipFrames(options),
  "SIP over WebSocket: responses": sipFrames(response),
  "SIP over TCP: pings, unread": sipStream("\r\n\r\n"),
  "SIP over TCP: malformed, unread": sipStream(malformed),
  "HTTP: /metrics": http(get("/metrics")),
  "HTTP: /": http(get("/")),
  "HTTP: hellos": http(link('{"type":"hello"}')),
} as const;

export type AttackKind = keyof typeof floods | "busy loop";
export const attackKinds = Object.keys(floods) as (keyof typeof floods)[];

interface Flood {
  readonly sip: boolean;
  /** Reads nothing that the server sends. */
  readonly deaf: boolean;
  /** Prepares a connection, and then lets it flood. */
  open(socket: Socket, flood: () => void): void;
  readonly repeated: Uint8Array;
}

function native(text: string): Flood {
  const frame = clientFrame(text);
  return {
    sip: false,
    deaf: false,
    repeated: chunkOf(frame),
    open: (socket, flood) => {
      socket.write(upgrade("/ws", "switchboard.v1"));
      socket.once("data", () => {
        const hello = { type: "hello", token: tokenOf("mallory"), instance: randomUUID(), attempt: 1 };
        socket.write(clientFrame(JSON.stringify(hello)));
        socket.once("data", () => {
          socket.write(clientFrame(old));
          flood();
        });
      });
    },
  };
}

function sipFrames(text: string): Flood {
  return {
    sip: false,
    deaf: false,
    repeated: chunkOf(clientFrame(text)),
    open: (socket, flood) => {
      socket.write(upgrade("/sip", "sip"));
      socket.once("data", flood);
    },
  };
}

function sipStream(text: string): Flood {
  return { sip: true, deaf: true, repeated: chunkOf(Buffer.from(text)), open: (_socket, flood) => flood() };
}

function http(request: string): Flood {
  return {
    sip: false,
    deaf: false,
    repeated: Buffer.from(request.repeat(20)),
    open: (_socket, flood) => flood(),
  };
}

function upgrade(path: string, protocol: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${protocol}\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
}

function chunkOf(one: Uint8Array): Uint8Array {
  return Buffer.concat(Array(Math.max(1, Math.floor(chunkBytes / one.length))).fill(one));
}

function attack({ sip, deaf, open, repeated }: Flood, job: Attack, end: number): void {
  const socket = connect({
    port: sip ? job.sipPort : job.port,
    host: "127.0.0.1",
    localAddress: job.address,
  });
  const flood = (): void => {
    if (Date.now() > end || socket.destroyed) return;
    if (socket.write(repeated)) setImmediate(flood);
    else socket.once("drain", flood);
  };
  socket.on("error", () => {});
  socket.on("close", () => {
    if (Date.now() < end) setTimeout(() => attack({ sip, deaf, open, repeated }, job, end), 5);
  });
  socket.once("connect", () => {
    open(socket, flood);
    if (deaf) socket.pause();
    else socket.on("data", () => {});
  });
}

if (import.meta.main) {
  const job = JSON.parse(process.argv[2] ?? "{}") as Attack;
  const end = Date.now() + job.seconds * 1_000;
  if (job.kind === "busy loop") while (Date.now() < end);
  else {
    const flood = floods[job.kind];
    for (let n = 0; n < 2; n++) attack(flood, job, end);
  }
  setTimeout(() => process.exit(0), Math.max(0, end - Date.now()));
}
