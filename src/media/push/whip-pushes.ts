import type { Result } from "../../shared/result.ts";
import type { FromWorker, ToWorker } from "../control.ts";
import type { PublishedTrack } from "../negotiated.ts";
import { pushOffer, readPushAnswer } from "../sdp/push-offer.ts";
import { noneTwice } from "../sdp/tracks.ts";
import type { LocalTransport } from "../service.ts";

/** A WHIP endpoint, and the token that it takes; empty for none. */
export interface WhipTarget {
  readonly url: string;
  readonly token: string;
}

/** What a WHIP endpoint answered: the description, and the session's URL. */
export interface WhipAnswer {
  readonly sdp: string;
  readonly session: string | undefined;
}

export interface WhipPushPorts {
  /** Where a live stream's media is; undefined for one that isn't live. */
  place(stream: string):
    | {
        readonly worker: number;
        readonly fingerprint: string;
        readonly candidates: LocalTransport["candidates"];
        readonly tracks: readonly PublishedTrack[];
      }
    | undefined;
  post(worker: number, message: ToWorker): void;
  /** Posts an offer. An error is one line, without what is secret in the target. */
  offer(target: WhipTarget, sdp: string): Promise<Result<WhipAnswer, string>>;
  /** Ends a session at the target. Never rejects. */
  leave(target: WhipTarget, session: string): void;
  /** True for a numeric address that media may be sent to. */
  allows(address: string): boolean;
  /** An unguessable text of so many random bytes, base64url. */
  random(bytes: number): string;
  ssrc(): number;
  /** An attempt has come through, or has ended. */
  tell(attempt: number, state: "live" | "over", reason?: string): void;
}

interface Attempt {
  readonly stream: string;
  readonly target: WhipTarget;
  readonly worker: number;
  /** The codecs that were offered. */
  readonly codecs: string;
  session: string | undefined;
}

const [ufragBytes, pwdBytes] = [6, 18];

/** Attempts to push streams by WHIP (RFC 9725), each a viewer at the publisher's worker whose offer is ours. Pure, but for its ports. */
export class WhipPushes {
  readonly #ports: WhipPushPorts;
  readonly #attempts = new Map<number, Attempt>();

  constructor(ports: WhipPushPorts) {
    this.#ports = ports;
  }

  /** Begins an attempt; what becomes of it is told. */
  async begin(attempt: number, stream: string, target: WhipTarget): Promise<void> {
    const { random, ssrc } = this.#ports;
    const place = this.#ports.place(stream);
    if (place === undefined) {
      this.#ports.tell(attempt, "over", "the stream has no publisher");
      return;
    }
    const { worker, fingerprint, candidates, tracks } = place;
    const local = { ufrag: random(ufragBytes), pwd: random(pwdBytes), fingerprint, candidates };
    const offer = pushOffer(tracks, local, noneTwice(ssrc));
    const made: Attempt = { stream, target, worker, codecs: codecsOf(tracks), session: undefined };
    this.#attempts.set(attempt, made);
    const answer = await this.#ports.offer(target, offer.sdp);
    if (answer.ok) made.session = answer.value.session;
    if (this.#attempts.get(attempt) !== made) {
      // It was ended meanwhile.
      if (made.session !== undefined) this.#ports.leave(target, made.session);
      return;
    }
    const read = answer.ok ? readPushAnswer(answer.value.sdp, offer) : answer;
    if (!read.ok) {
      this.#over(attempt, read.error);
      return;
    }
    const allowed = read.value.candidates.filter(({ address }) => this.#ports.allows(address));
    if (allowed.length === 0) {
      this.#over(attempt, "the target's answer names no address that media may be sent to");
      return;
    }
    const { ufrag, pwd, dtlsRole, fingerprints } = read.value.transport;
    this.#ports.post(worker, {
      ...{ type: "view", peer: -attempt, stream, tracks: read.value.tracks, candidates: allowed },
      transport: {
        ...{ localUfrag: local.ufrag, localPwd: local.pwd, remoteUfrag: ufrag, remotePwd: pwd },
        ...{ dtlsRole, fingerprints },
      },
    });
  }

  /** Ends an attempt. Nothing more is told of it. */
  end(attempt: number): void {
    const made = this.#attempts.get(attempt);
    if (made === undefined) return;
    this.#attempts.delete(attempt);
    this.#ports.post(made.worker, { type: "close", peer: -attempt });
    if (made.session !== undefined) this.#ports.leave(made.target, made.session);
  }

  /** A worker said something. Peers of pushes have the numbers below 0. */
  heard(message: FromWorker): void {
    if (!("peer" in message) || message.peer >= 0) return;
    const attempt = -message.peer;
    if (!this.#attempts.has(attempt)) return;
    if (message.type === "connected") this.#ports.tell(attempt, "live");
    else if (message.type === "refused") this.#over(attempt, "the media server is full");
    else if (message.type === "lost") this.#over(attempt, "the target takes nothing any more");
    else if (message.type === "closed")
      this.#over(attempt, `the connection to the target: ${message.reason}`);
  }

  workerDied(worker: number): void {
    for (const [attempt, made] of [...this.#attempts])
      if (made.worker === worker) this.#over(attempt, "the media worker ended");
  }

  /** The stream has another publisher perhaps: what its codecs aren't any more is to be offered anew. */
  changed(stream: string): void {
    const place = this.#ports.place(stream);
    for (const [attempt, made] of [...this.#attempts])
      if (made.stream === stream && place !== undefined)
        if (made.worker !== place.worker || made.codecs !== codecsOf(place.tracks))
          this.#over(attempt, "the publisher sends other media");
  }

  #over(attempt: number, reason: string): void {
    this.end(attempt);
    this.#ports.tell(attempt, "over", reason);
  }
}

function codecsOf(tracks: readonly PublishedTrack[]): string {
  return tracks.map(({ kind, codecs: [first] }) => `${kind} ${first?.name}`).join();
}
