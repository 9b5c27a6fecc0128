import { StreamBuffer } from "../../shared/stream-buffer.ts";
import { readU32 } from "../../wire/bytes.ts";
import { concat, u8, u32 } from "../package/boxes.ts";
import { type AmfValue, decodeAmf, encodeAmf } from "./amf.ts";
import { RtmpChunkReader, rtmpChunks } from "./chunks.ts";
import type { RtmpTarget } from "./target.ts";

/** Types of messages (§5.4, §7.1). */
const type = {
  chunkSize: 1,
  abort: 2,
  acknowledgement: 3,
  userControl: 4,
  window: 5,
  audio: 8,
  video: 9,
  data: 18,
  command: 20,
} as const;
/** Chunk streams that we use. */
const channel = { control: 2, command: 3, media: 4 } as const;
const [pingRequest, pingResponse] = [6, 7];
const handshakeBytes = 1_536;
const ourChunkSize = 4_096;
/** A server that sends more than this ahead of the answer to `publish` is none. */
const mostAhead = 1 << 20;

export interface RtmpPorts {
  send(bytes: Uint8Array): void;
  /** The server takes the stream: media may be sent. Called once. */
  publishing(): void;
  /** The server refuses, or speaks something else. Never says a key. The connection is to be closed. */
  failed(reason: string): void;
}

/** Commands that await an answer. */
const [connect, createStream] = [1, 4];

/**
 * The client's end of a connection of RTMP 1.0 that publishes one stream: handshake, `connect`, `createStream`, `publish`, and then media.
 * Pure: bytes come in and go out. Never throws, whatever the server sends.
 */
export class RtmpPublisher {
  readonly #target: RtmpTarget;
  readonly #ports: RtmpPorts;
  readonly #reader = new RtmpChunkReader();
  readonly #handshake = new StreamBuffer();
  #shaken = false;
  #stream = 0;
  #state: "opening" | "publishing" | "over" = "opening";
  #received = 0;
  #acknowledged = 0;
  #window = 0;

  /** `random`: 1528 bytes for the handshake (§5.2.3). */
  constructor(target: RtmpTarget, ports: RtmpPorts, random: Uint8Array) {
    this.#target = target;
    this.#ports = ports;
    ports.send(concat([u8(3), u32(0, 0), random.subarray(0, handshakeBytes - 8)]));
  }

  receive(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    let rest = bytes;
    if (!this.#shaken) {
      const seen = this.#handshake.with(bytes);
      if ((seen[0] ?? 3) !== 3) {
        this.#fail("the target speaks no RTMP");
        return;
      }
      const whole = 1 + 2 * handshakeBytes;
      if (seen.length < whole) {
        this.#handshake.keep(seen, 0);
        return;
      }
      this.#shaken = true;
      rest = seen.slice(whole);
      this.#handshake.clear();
      this.#ports.send(seen.slice(1, 1 + handshakeBytes));
      this.#begin();
    }
    this.#received += rest.length;
    const read = this.#reader.push(rest, ({ type, body }) => this.#message(type, body));
    if (!read) this.#fail("the target sent malformed RTMP");
    else if (this.#state === "opening" && this.#received > mostAhead)
      this.#fail("the target sent too much ahead of its answer");
    if (this.#window > 0 && this.#received - this.#acknowledged >= this.#window / 2) {
      this.#acknowledged = this.#received;
      this.#send(channel.control, type.acknowledgement, u32(this.#received));
    }
  }

  /** Sends the body of an FLV tag. `time` in ms. Does nothing before the server takes the stream. */
  media(kind: "audio" | "video", time: number, body: Uint8Array): void {
    if (this.#state === "publishing") this.#send(channel.media, type[kind], body, this.#stream, time);
  }

  /** Sends what the stream is. */
  metadata(facts: { readonly [name: string]: AmfValue }): void {
    if (this.#state === "publishing")
      this.#send(channel.media, type.data, encodeAmf("@setDataFrame", "onMetaData", facts), this.#stream);
  }

  /** Tells the server that the stream is over. */
  end(): void {
    if (this.#state === "publishing") {
      this.#command("FCUnpublish", 0, null, this.#target.key);
      this.#command("deleteStream", 0, null, this.#stream);
    }
    this.#state = "over";
  }

  #begin(): void {
    const { app, tls, host, port } = this.#target;
    const literal = host.includes(":") ? `[${host}]` : host;
    const tcUrl = `${tls ? "rtmps" : "rtmp"}://${literal}:${port}/${app}`;
    this.#send(channel.control, type.chunkSize, u32(ourChunkSize));
    const facts = { app, type: "nonprivate", flashVer: "FMLE/3.0 (compatible; Switchboard)", tcUrl };
    this.#command("connect", connect, facts);
  }

  #message(kind: number, body: Uint8Array): void {
    if (this.#state === "over") return;
    if (kind === type.chunkSize) {
      const size = readU32(body, 0);
      if (size < 1 || size > 0xffffff) this.#fail("the target sent malformed RTMP");
      else this.#reader.chunkSize = size;
    } else if (kind === type.abort) this.#reader.abort(readU32(body, 0));
    else if (kind === type.window) this.#window = readU32(body, 0);
    else if (kind === type.userControl && body[1] === pingRequest)
      this.#send(channel.control, type.userControl, concat([u8(0, pingResponse), body.subarray(2, 6)]));
    else if (kind === type.command) this.#answered(decodeAmf(body) ?? []);
  }

  #answered([name, number, , info]: readonly AmfValue[]): void {
    if (name === "_result" && number === connect) {
      this.#command("releaseStream", 2, null, this.#target.key);
      this.#command("FCPublish", 3, null, this.#target.key);
      this.#command("createStream", createStream, null);
    } else if (name === "_result" && number === createStream && typeof info === "number") {
      this.#stream = info;
      this.#command("publish", 5, null, this.#target.key, "live");
    } else if (name === "_error" && (number === connect || number === createStream))
      this.#fail(`the target refused: ${codeOf(info)}`);
    else if (name === "onStatus") {
      const code = codeOf(info);
      if (code === "NetStream.Publish.Start") {
        if (this.#state === "publishing") return;
        this.#state = "publishing";
        this.#ports.publishing();
      } else if (levelOf(info) === "error" || code === "NetStream.Unpublish.Success")
        this.#fail(`the target refused: ${code}`);
    }
  }

  #command(name: string, number: number, ...values: readonly AmfValue[]): void {
    const stream = name === "publish" ? this.#stream : 0;
    this.#send(channel.command, type.command, encodeAmf(name, number, ...values), stream);
  }

  #send(on: number, kind: number, body: Uint8Array, stream = 0, time = 0): void {
    // Until it has been told, the server expects chunks of 128 bytes: what sets the size is shorter.
    this.#ports.send(rtmpChunks(on, { type: kind, stream, time, body }, ourChunkSize));
  }

  #fail(reason: string): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#ports.failed(reason);
  }
}

/** The code of a status, such as `NetStream.Publish.BadName`. Its description is not shown: a server may repeat the key there. */
function codeOf(info: AmfValue): string {
  const code = field(info, "code");
  return typeof code === "string" && /^Net[A-Za-z]+(\.[A-Za-z]{1,24}){1,3}$/.test(code)
    ? code
    : "without a reason";
}

function levelOf(info: AmfValue): AmfValue {
  return field(info, "level");
}

function field(info: AmfValue, name: string): AmfValue {
  if (typeof info !== "object" || info === null || Array.isArray(info)) return undefined;
  return (info as { readonly [name: string]: AmfValue })[name];
}
