import type { PushBody } from "../../../protocol/pushes.ts";
import type { Candidate, Description } from "../../../protocol/values.ts";
import type { XmlElement } from "../xml.ts";
import type { CoreLeg, Signal } from "./core-leg.ts";
import type { JinglePorts } from "./ports.ts";
import type { EndReason } from "./reasons.ts";
import type { SessionMedia } from "./session-media.ts";
import type { Phase } from "./session-rules.ts";
import type { Action, Initiation } from "./stanzas.ts";

/** How long the one who is to make the offer may take for it, in ms. */
export const offerTimeout = 15_000;

/** What a session lends to its set-up. */
export interface SetupHost {
  readonly sid: string;
  /** The JID that the client knows the other end by. */
  readonly local: string;
  /** The client's JID; the account's while its resources ring. */
  remote: string;
  phase: Phase;
  /** Proposals and their ends are told by messages too (XEP-0353). */
  readonly byMessages: boolean;
  readonly ports: JinglePorts;
  readonly leg: CoreLeg;
  readonly media: SessionMedia;
  /** The core has taken the session: its id is there. */
  known(): void;
  /** Sends a request to the client. `done` gets its reply; undefined if none came in time. */
  request(
    action: Action,
    attributes: Readonly<Record<string, string>>,
    children: readonly XmlElement[],
    now: number,
    done?: (reply: XmlElement | undefined, now: number) => void,
  ): void;
  /** Sends an action after which there is nothing to wait for. */
  act(action: Action, children: readonly XmlElement[], now: number): void;
  /** Sends a message of XEP-0353. */
  message(
    kind: Initiation,
    more?: { to?: string; reason?: EndReason; children?: readonly XmlElement[] },
  ): void;
  /** Tells the core. */
  signal(what: Signal, now: number): void;
  /** A description of the core side's. */
  described(description: Description, now: number): void;
  /** Candidates that came with a description of the client. */
  keep(candidates: readonly Candidate[]): void;
  /** Tells the core the client's candidates, once it knows the description that they belong to. */
  flush(now: number): void;
  /** Tells the client the core side's candidates, once it has the description that they belong to. */
  trickle(now: number): void;
  /** Gives the session another sid, before the client has taken it. */
  rename(sid: string): void;
  /** Puts a session in this one's place, in which the core side makes the offer. */
  replace(now: number): void;
  /** Ends the session at both ends. */
  hangUp(now: number, reason: "hangup" | "failed", detail: string): void;
  /** The session is over: tells the client. Without a reason it has heard nothing of the session. */
  end(reason: EndReason | undefined, now: number, ...within: XmlElement[]): void;
  /** Forgets the session, and tells nobody. */
  finish(): void;
}

/** A session before it is active, by who calls: the offer, the ring and the answer. */
export interface Setup {
  /** The client was told to go on with its proposal. */
  readonly proceeds: boolean;
  /** The core may hear the client's candidates. */
  readonly takesClientCandidates: boolean;
  /** The client may hear the core side's candidates. */
  readonly takesCoreCandidates: boolean;
  /** The client's `session-initiate` or `session-accept`. */
  negotiate(jingle: XmlElement, now: number): void;
  /** A message of XEP-0353 from this JID. */
  message(kind: Initiation, what: XmlElement, from: string, now: number): void;
  /** A description of the core side's. */
  described(description: Description, now: number): void;
  /** What the core says of the call. */
  push(push: PushBody, now: number): void;
  /** The client has ended it: tells the core. */
  terminated(condition: string | undefined, now: number): void;
  /** Tells the client the end, where a `session-terminate` would be wrong. False where it is right. */
  tellEnd(reason: EndReason, within: readonly XmlElement[]): boolean;
  stop(): void;
}
