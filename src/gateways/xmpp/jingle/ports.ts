import type { RequestOf, RequestType } from "../../../protocol/requests.ts";
import type { Capabilities } from "../../../protocol/values.ts";
import type { Deadline } from "../../../shared/deadlines.ts";
import type { Outcome } from "../../../signaling/device.ts";
import type { XmlElement } from "../xml.ts";
import type { Action, Initiation } from "./stanzas.ts";

type Asked<T extends RequestType> = Omit<RequestOf<T>, "id" | "type">;

/** What a client's sessions need of the gateway. */
export interface JinglePorts {
  /** A new random text of that many bytes, of letters, digits, `-` and `_`. */
  random(bytes: number): string;
  /** Calls `due` once, this many ms after `now`. */
  after(ms: number, now: number, due: (now: number) => void): Deadline;
  /** Asks the core on behalf of the client's device. `done` gets the outcome, now or later, and never in the middle of a delivery. */
  ask<T extends RequestType>(
    type: T,
    fields: Asked<T>,
    now: number,
    done?: (outcome: Outcome, now: number) => void,
  ): void;
  /** Sends a stanza to the client. Its `from`, `to` and `id` are there. */
  send(stanza: XmlElement): void;
  /** Where the messages of one call are told, for its record. */
  words(): JingleWords;
}

/** Takes down what a client and the gateway say to each other in one call: actions of XEP-0166, messages of XEP-0353. */
export interface JingleWords {
  /** `session`: empty while the core has none for the call. */
  said(session: string, word: Action | Initiation, isIncoming: boolean): void;
  /** The call has its session now. */
  begun(session: string): void;
}

/** Who a client is, and what it can do. */
export interface JingleClientOptions {
  /**
   * Where the client is rung: the full JID of a resource, or the bare JID of an account of another server, all of whose resources ring
   * by XEP-0353.
   */
  readonly jid: string;
  /** The JID that the client knows a user by, or one of the user's devices. It is a full JID. */
  jidOf(user: string, device: string | undefined): string;
  /** The address that a JID stands for; undefined for one of nobody here. */
  addressOf(jid: string): string | undefined;
  /** The client takes calls by Jingle Message Initiation. Without, a call is a `session-initiate`. */
  readonly messageInitiation: boolean;
  /** The client knows data channels (XEP-0343). */
  readonly dataChannels: boolean;
  /** Sessions that it may have at once. */
  readonly mostSessions: number;
}

/**
 * What may be asked of a client: hold, and nothing else of its media. Without XEP-0353 it can't ring before it has the offer. It restarts
 * ICE on its own, and its offers may be refused.
 */
export function jingleCapabilities({
  messageInitiation,
}: Pick<JingleClientOptions, "messageInitiation">): Capabilities {
  return {
    needsOffer: !messageInitiation,
    renegotiation: "hold-only",
    iceRestart: false,
    reports: false,
    refusals: true,
  };
}
