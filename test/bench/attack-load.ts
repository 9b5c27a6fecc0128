/**
 * Attacks a server for a while, over one entrance: a program of its own, so that it takes no time of whoever measures. Its
 * connections never wait, never read where that hurts, and start over when they are closed. Started by attacks.ts.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { TurnClient } from "../../src/turn/shell/turn-client.ts";
import { encodeChannelData } from "../../src/wire/stun/channel-data.ts";
import { clientFrame } from "./load-socket.ts";
import { tokenOf } from "./switchboard-device.ts";

export interface Attack {
  readonly kind: AttackKind;
  readonly port: number;
  readonly sipPort: number;
  readonly turnPort: number;
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

/** A user of the TURN server that is attacked. */
export const turnUser = { name: "mallory", password: "a-password-of-the-benchmark" };
/** Datagrams a second. */
const datagrams = 30_000;
const channel = 0x4000;
const stun = (type: number, attributes: Uint8Array): Uint8Array =>
  Buffer.concat([
    Buffer.from([type >> 8, type & 255, 0, attributes.length, 0x21, 0x12, 0xa4, 0x42]),
    randomBytes(12),
    attributes,
  ]);

/** The datagram that each kind repeats. */
const turnFloods = {
  "TURN: garbage": Buffer.concat([Buffer.of(0x80), randomBytes(99)]),
  "TURN: Binding": stun(1, Buffer.alloc(0)),
  "TURN: Allocate": stun(3, Buffer.of(0, 0x19, 0, 4, 17, 0, 0, 0)),
  "TURN: ChannelData to a relay of one's own": encodeChannelData(channel, Buffer.alloc(20), true),
} as const;
type TurnKind = keyof typeof turnFloods;

export type AttackKind = keyof typeof floods | TurnKind | "busy loop";
export const attackKinds = [...Object.keys(floods), ...Object.keys(turnFloods)] as AttackKind[];

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

/** Datagrams from one socket, with an allocation where that is what they are for. */
async function floodTurn(kind: TurnKind, { turnPort, address }: Attack, end: number): Promise<void> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  const send = (bytes: Uint8Array): void => socket.send(bytes, turnPort, "127.0.0.1");
  if (kind === "TURN: ChannelData to a relay of one's own") {
    const client = new TurnClient(send, turnUser.name, turnUser.password);
    socket.on("message", (bytes) => client.receive(bytes));
    const { relayed } = await client.allocate();
    await client.bind(channel, relayed);
  }
  const began = Date.now();
  let sent = 0;
  const flood = (): void => {
    const due = ((Date.now() - began) * datagrams) / 1_000;
    for (; sent < due; sent++) send(turnFloods[kind]);
    if (Date.now() < end) setImmediate(flood);
  };
  flood();
}

if (import.meta.main) {
  const job = JSON.parse(process.argv[2] ?? "{}") as Attack;
  const end = Date.now() + job.seconds * 1_000;
  if (job.kind === "busy loop") while (Date.now() < end);
  else if (job.kind in turnFloods) await floodTurn(job.kind as TurnKind, job, end);
  else {
    const flood = floods[job.kind as keyof typeof floods];
    for (let n = 0; n < 2; n++) attack(flood, job, end);
  }
  setTimeout(() => process.exit(0), Math.max(0, end - Date.now()));
}
