import type { WireReason } from "../../protocol/end-reasons.ts";
import type { PushBody, PushOf } from "../../protocol/pushes.ts";
import type { ReplyOf } from "../../protocol/replies.ts";
import type { Candidate, Description, PeerInfo } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import { isRejected, mediaLine } from "../../wire/sdp/attributes.ts";
import { stripCandidates } from "../../wire/sdp/candidates.ts";
import { formatDescription, parseDescription } from "../../wire/sdp/description.ts";
import { OwnWords } from "../own-words.ts";
import type { ClientConnection, PeerClient } from "./client.ts";
import type { ConnectionType, Extra } from "./frames.ts";
import type { PeerjsContext } from "./peerjs-context.ts";

/** The kind of these devices, as others see it. */
export const clientKind = "peerjs";

/** Candidates that are kept until the core takes them. */
const mostEarly = 64;

/** The `detail` of a session that ends although its media goes on, which nobody at the server can follow any longer. */
const released = "the server no longer follows this connection";

type Phase =
  /** The client has made its offer, and the core rings the other end. */
  | "calling"
  /** The core rings, and the client has no offer yet. */
  | "awaiting-offer"
  /** The client has the offer; the application may answer. */
  | "ringing"
  /** The client has answered, and the caller has not confirmed that. */
  | "answering"
  | "active"
  | "over";

/** What a connection is called, and what it is for. */
interface Named extends Pick<ClientConnection, "remote" | "id"> {
  readonly type: ConnectionType;
}

/**
 * A connection of a client with one other end, media or data: the client's leg of a session. PeerJS knows one offer, one answer, and
 * candidates; whatever else the other end asks for is answered here.
 */
export class Connection implements ClientConnection, Named {
  readonly remote: string;
  readonly id: string;
  readonly type: ConnectionType;
  session = "";
  readonly #context: PeerjsContext;
  readonly #words: OwnWords;
  readonly #client: PeerClient;
  #phase: Phase;
  readonly #calls: boolean;
  #pair = 1;
  #generation = 1;
  /** Last descriptions: of the client, and of the other end. */
  #own: string | undefined;
  #theirs: Description | undefined;
  /** The client's answer goes by `signal`, for the session is active already. */
  #answersBySignal = false;
  #early: Candidate[] | undefined;
  #offerTimer: Deadline | undefined;
  #follows: Deadline | undefined;
  /** Who the other end is, once that is known. */
  #peer: PeerInfo | undefined;
  #extra: Extra = {};

  /** `calls`: the client made the offer. */
  constructor(context: PeerjsContext, client: PeerClient, { remote, id, type }: Named, calls: boolean) {
    this.#context = context;
    this.#words = new OwnWords(context.core);
    this.#client = client;
    this.remote = remote;
    this.id = id;
    this.type = type;
    this.#calls = calls;
    this.#phase = calls ? "calling" : "awaiting-offer";
  }

  get active(): boolean {
    return this.#phase === "active";
  }

  /** True when no device can tell the server that the connection has ended: the other end is a client of PeerJS too, at whatever node. */
  get unwatched(): boolean {
    return this.#phase === "active" && this.#peer?.kind === clientKind;
  }

  // The client calls

  /** The client's offer: rings `to`. */
  call(to: string, sdp: string, extra: Extra, now: number): void {
    this.#said("OFFER", true, sdp.length);
    const offer = this.#stripped(sdp);
    if (offer === undefined) {
      this.#end("incompatible");
      return;
    }
    this.#own = offer.sdp;
    this.#extra = extra;
    const description = { type: "offer", sdp: offer.sdp } as const;
    const fields = { to, media: mediaOf(offer.sdp, this.type), description, data: extra };
    this.#client.ask("call", fields, now, (outcome, later) => {
      if ("error" in outcome) {
        this.#end("unreachable");
        return;
      }
      this.session = (outcome.ok as ReplyOf<"call">).session;
      this.#client.joined(this.session, this);
      this.#words.begun(this.#client.device, this.session);
      for (const candidate of offer.candidates) this.candidate(candidate, later);
    });
  }

  #accepted(push: Omit<PushOf<"accepted">, "seq">, now: number): void {
    const { session, device, peer, description } = push;
    this.#peer = peer;
    this.#generation = push.generation;
    this.#client.ask("confirm", { session, device }, now, (outcome, later) => {
      if ("error" in outcome) return;
      this.#begun(later);
      if (description !== undefined) this.#described(description, later);
    });
  }

  /** Both ends know that the call has begun. Two clients of PeerJS say no word of it from then on, and nobody says that it ended. */
  #begun(now: number): void {
    this.#phase = "active";
    const { followTimeout } = this.#context.settings.limits;
    this.#follows = this.#context.after(followTimeout, now, (later) => {
      if (this.unwatched) this.release(later);
    });
  }

  // The client is called

  /** The core rings the client. */
  ring(incoming: Omit<PushOf<"incoming">, "seq">, extra: Extra, now: number): void {
    const { session, from, pair, generation, description, movedFrom } = incoming;
    this.session = session;
    this.#client.joined(session, this);
    this.#peer = from;
    this.#pair = pair;
    this.#generation = generation;
    this.#extra = extra;
    if (incoming.offer) {
      this.#unable(now);
      return;
    }
    const { offerTimeout } = this.#context.settings.limits;
    this.#offerTimer = this.#context.after(offerTimeout, now, (later) => this.#unable(later));
    if (description !== undefined) this.#offered(description, now);
    else if (movedFrom !== undefined)
      // The other end makes its offer once the move is accepted.
      this.#client.ask("accept", { session }, now, (outcome) => {
        if ("error" in outcome) this.#end("failed");
        else this.#answersBySignal = true;
      });
  }

  /** No offer comes: the client can't ring. */
  #unable(now: number): void {
    this.#client.ask("decline", { session: this.session, reason: "incompatible", automatic: true }, now);
    this.#end("incompatible");
  }

  /** The client gets the offer that it rings with. */
  #offered(offer: Description, now: number): void {
    this.#offerTimer?.cancel();
    this.#theirs = offer;
    this.#phase = this.#answersBySignal ? "active" : "ringing";
    const sdp = { type: "offer", sdp: offer.sdp };
    this.#send("OFFER", {
      ...this.#extra,
      type: this.type,
      connectionId: this.id,
      sdp,
    });
    if (!this.#answersBySignal) this.#client.ask("ringing", { session: this.session }, now);
  }

  // What the client sends

  answer(text: string, now: number): void {
    this.#said("ANSWER", true, text.length);
    const answer = this.#stripped(text);
    const expected = this.#phase === "ringing" || (this.#answersBySignal && this.#own === undefined);
    if (!expected) return;
    if (answer === undefined) {
      this.#unable(now);
      return;
    }
    this.#own = answer.sdp;
    const description = { type: "answer", sdp: answer.sdp } as const;
    if (this.#answersBySignal) this.#signal({ description }, now);
    else {
      this.#phase = "answering";
      this.#client.ask("accept", { session: this.session, description }, now, (outcome, later) => {
        if (this.#phase === "over") return;
        if ("error" in outcome) this.#end("cancelled");
        else this.#begun(later);
      });
    }
    const early = [...(this.#early ?? []), ...answer.candidates];
    this.#early = undefined;
    for (const candidate of early) this.candidate(candidate, now);
  }

  trickled(candidate: Candidate, now: number): void {
    this.#said("CANDIDATE", true, candidate.candidate.length);
    this.candidate(candidate, now);
  }

  left(now: number): void {
    this.#said("LEAVE", true);
    this.hangUp(now);
  }

  candidate(candidate: Candidate, now: number): void {
    switch (this.#phase) {
      case "ringing":
        // Its answer is on its way.
        this.#early ??= [];
        if (this.#early.length < mostEarly) this.#early.push(candidate);
        break;
      case "calling":
      case "answering":
      case "active":
        this.#signal({ candidates: [candidate] }, now);
        break;
      default:
    }
  }

  /** The client leaves its peer, or the server for good. */
  hangUp(now: number, detail?: string): void {
    if (this.#phase === "over") return;
    const details = detail === undefined ? {} : { detail };
    this.#client.ask("hangup", { session: this.session, ...details }, now);
    this.#finish();
  }

  /** Ends the session, and lets the connection itself go on: nobody is told to close it. */
  release(now: number): void {
    if (this.#phase !== "active") this.hangUp(now);
    else this.hangUp(now, released);
  }

  // From the core

  push(push: PushBody, now: number): void {
    switch (push.type) {
      case "accepted":
        this.#accepted(push, now);
        break;
      case "signal":
        this.#signaled(push, now);
        break;
      case "restart":
        if (push.pair === this.#pair) this.#generation = push.generation;
        break;
      case "pair":
        // The other end moves to another device, which makes an offer of its own.
        this.#pair = push.pair;
        this.#generation = push.generation;
        break;
      case "moved":
        this.#peer = push.peer;
        break;
      case "ended":
        if (push.detail === released) this.#finish();
        else this.#end(push.reason);
        break;
      default:
    }
  }

  #signaled(push: Omit<PushOf<"signal">, "seq">, now: number): void {
    if (push.pair !== this.#pair || push.generation !== this.#generation) return;
    if (push.description !== undefined) this.#described(push.description, now);
    if (push.candidates === undefined || this.#phase === "over") return;
    for (const candidate of push.candidates)
      if (candidate.candidate !== "")
        this.#send("CANDIDATE", {
          candidate,
          type: this.type,
          connectionId: this.id,
        });
  }

  #described(description: Description, now: number): void {
    if (description.type === "answer") this.#answered(description, now);
    else if (this.#phase === "awaiting-offer") this.#offered(description, now);
    else if (this.#phase === "active" && this.#theirs === undefined) this.#inverted(description, now);
  }

  /** The answer to the client's offer. A second one would be an error to the client. */
  #answered(answer: Description, now: number): void {
    if (!this.#calls || this.#theirs !== undefined) return;
    this.#theirs = answer;
    if (this.type === "media" && rejectsData(answer.sdp)) {
      // PeerJS closes a call as soon as its data channel is closed.
      this.#client.ask("hangup", { session: this.session, reason: "failed", detail: "no data channel" }, now);
      this.#end("incompatible");
      return;
    }
    const sdp = { type: "answer", sdp: answer.sdp };
    this.#send("ANSWER", { sdp, type: this.type, connectionId: this.id });
  }

  /**
   * The other end only makes offers. Under the id of a connection that there is, an offer makes the client close that and ring anew: the
   * application answers a second time.
   */
  #inverted(offer: Description, now: number): void {
    this.#answersBySignal = true;
    this.#own = undefined;
    this.#offered(offer, now);
  }

  #signal(fields: { description?: Description; candidates?: Candidate[] }, now: number): void {
    if (this.session === "") return;
    const position = { session: this.session, pair: this.#pair, generation: this.#generation };
    this.#client.ask("signal", { ...position, ...fields }, now);
  }

  // The end

  /** The session is over: tells the client. */
  #end(reason: WireReason): void {
    if (this.#phase === "over") return;
    const unanswered = this.#calls && this.#theirs === undefined;
    this.#finish();
    if (unanswered) this.#send("EXPIRE");
    // Of one that was lost the client knows as much as the server. LEAVE ends every connection with that peer: where there is another one,
    // the client sees by its media that this one is over.
    if (reason !== "lost" && !this.#client.knows(this.remote)) this.#send("LEAVE");
  }

  /** Sends the client a message about this connection. */
  #send(type: "OFFER" | "ANSWER" | "CANDIDATE" | "EXPIRE" | "LEAVE", payload?: object): void {
    this.#said(type, false);
    this.#client.send(type, this.remote, payload);
  }

  #said(word: string, isIncoming: boolean, bytes = 0): void {
    const at = this.#context.core.ports.now();
    const message = { gateway: "peerjs", at, isIncoming, word, ...(bytes > 0 && { bytes }) };
    this.#words.said(this.#client.device, this.session, message);
  }

  #finish(): void {
    this.#phase = "over";
    this.#offerTimer?.cancel();
    this.#follows?.cancel();
    this.#early = undefined;
    this.#client.remove(this);
  }

  /** A description of the client as the core takes it: without candidates. Undefined where it is none. */
  #stripped(text: string): { readonly sdp: string; readonly candidates: readonly Candidate[] } | undefined {
    if (!text.includes("a=candidate:")) return text === "" ? undefined : { sdp: text, candidates: [] };
    const parsed = parseDescription(text);
    if (parsed === undefined) return undefined;
    const { description, candidates } = stripCandidates(parsed);
    return { sdp: formatDescription(description), candidates: candidates as Candidate[] };
  }
}

function mediaOf(sdp: string, type: ConnectionType) {
  const sends = (kind: string) => new RegExp(`^m=${kind} [1-9]`, "m").test(sdp);
  return { audio: sends("audio"), video: sends("video"), data: type === "data" };
}

/** True when the answer rejects the section of data channels. */
function rejectsData(sdp: string): boolean {
  const section = parseDescription(sdp)?.media.find((one) => mediaLine(one).kind === "application");
  return section !== undefined && isRejected(section);
}
