import { StreamBuffer } from "../../shared/stream-buffer.ts";
import type { PublishedTrack, ViewedTrack } from "../negotiated.ts";
import type {
  LocalTransport,
  MediaFailure,
  MediaIdentity,
  OpenedPeer,
  RemoteTransport,
  StreamInfo,
} from "../service.ts";

/**
 * What processes of one machine say to each other that share one media server: a line of JSON each, over a Unix socket that only their user
 * can open. `ref` names a question of the sender and its answer.
 */
export type ToOwner =
  | {
      readonly t: "publish";
      readonly ref: number;
      readonly stream: string;
      readonly identity: SharedIdentity;
      readonly tracks: readonly PublishedTrack[];
      readonly transport: RemoteTransport;
    }
  | {
      readonly t: "view";
      readonly ref: number;
      readonly stream: string;
      readonly identity: SharedIdentity;
      readonly tracks: readonly ViewedTrack[];
      readonly transport: RemoteTransport;
    }
  | {
      readonly t: "restart";
      readonly ref: number;
      readonly id: string;
      readonly remote: { readonly ufrag: string; readonly pwd: string };
    }
  | { readonly t: "prefer"; readonly id: string; readonly wish: SharedWish }
  /** A peer ends: with a reason, its client is gone without a word. */
  | { readonly t: "close"; readonly id: string; readonly reason?: string }
  /** A publisher whose connection was closed already has meant to end its stream. */
  | { readonly t: "late"; readonly stream: string; readonly id: string }
  /** A request for the media server, whoever took it. */
  | {
      readonly t: "request";
      readonly ref: number;
      readonly url: string;
      readonly method: string;
      readonly headers: readonly (readonly [string, string])[];
      readonly body: string;
      /** What the client's address counts by. */
      readonly address: string;
    }
  /** The client of a request takes one more chunk of the answer. */
  | { readonly t: "more"; readonly ref: number }
  /** The client of a request is gone. */
  | { readonly t: "gone"; readonly ref: number };

export type FromOwner =
  /** The first message of a connection. */
  | { readonly t: "hello" }
  /** The state of a stream, of each that there is at first. `over`: nobody waits for it any longer. */
  | { readonly t: "stream"; readonly info: StreamInfo; readonly over: boolean }
  | { readonly t: "opened"; readonly ref: number; readonly peer: OpenedPeer }
  | { readonly t: "restarted"; readonly ref: number; readonly local: LocalTransport }
  | { readonly t: "refused"; readonly ref: number; readonly failure: MediaFailure }
  | { readonly t: "connected"; readonly id: string }
  | { readonly t: "ended"; readonly id: string; readonly reason: string }
  | {
      readonly t: "head";
      readonly ref: number;
      readonly status: number;
      readonly headers: readonly (readonly [string, string])[];
    }
  /** Bytes of an answer, in base64. One for each `more`. */
  | { readonly t: "chunk"; readonly ref: number; readonly data: string }
  | { readonly t: "end"; readonly ref: number };

/** JSON has no infinity: without an expiry the identity has none. */
export type SharedIdentity = Omit<MediaIdentity, "expires"> & { readonly expires?: number };

type SharedWish = {
  readonly rid?: string;
  readonly height?: number;
  readonly bitrate?: number;
  readonly temporal?: number;
};

/** Bytes of a line. The longest has an offer, an answer or a list of tracks. */
const longestLine = 1 << 20;
const lineFeed = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function lineOf(message: ToOwner | FromOwner): Uint8Array {
  return encoder.encode(`${JSON.stringify(message)}\n`);
}

/** Takes lines of JSON out of a stream of bytes. */
export class LineReader<Message> {
  readonly #buffer = new StreamBuffer();

  /** Calls back for each line. False, once, for what is no JSON or too long: the stream is of no use then. */
  push(chunk: Uint8Array, heard: (message: Message) => void): boolean {
    const bytes = this.#buffer.with(chunk);
    let from = 0;
    for (let end = bytes.indexOf(lineFeed, from); end >= 0; end = bytes.indexOf(lineFeed, from)) {
      let message: Message;
      try {
        message = JSON.parse(decoder.decode(bytes.subarray(from, end)));
      } catch {
        return false;
      }
      from = end + 1;
      heard(message);
    }
    this.#buffer.keep(bytes, from);
    return this.#buffer.length <= longestLine;
  }
}
