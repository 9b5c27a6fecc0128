import type { XmlElement } from "../xml.ts";
import type { JingleClientOptions, JinglePorts } from "./ports.ts";
import type { EndReason } from "./reasons.ts";
import type { Action, Initiation, Route } from "./stanzas.ts";

/** What a session is called, and between whom it is. */
export interface SessionName {
  readonly sid: string;
  /** The JID that the client knows the other end by. */
  readonly local: string;
  /** The client's JID; the account's while its resources ring. */
  readonly remote: string;
  /** The core's session; empty before the core has taken the call. */
  readonly session: string;
}

/** What a session lends from its client. */
export interface SessionKeeper {
  readonly options: JingleClientOptions;
  readonly ports: JinglePorts;
  /** Sends an action of a session. `done` gets the client's reply; undefined if none came in time. */
  request(
    session: SessionName,
    action: Action,
    attributes: Readonly<Record<string, string>>,
    children: readonly XmlElement[],
    now: number,
    done?: (reply: XmlElement | undefined, now: number) => void,
  ): void;
  /** Sends a message of XEP-0353. */
  initiate(
    route: Route,
    kind: Initiation,
    sid: string,
    more?: { reason?: EndReason; children?: readonly XmlElement[] },
  ): void;
  /** The core has taken the session: its id is there. */
  known(session: SessionName): void;
  /** The session has another sid than before. */
  renamed(session: SessionName, before: string): void;
  over(session: SessionName): void;
}

/** How a session begins. */
export interface SessionStart {
  readonly sid: string;
  /** The JID that the client knows the other end by. */
  readonly local: string;
  /** The client's JID. */
  readonly remote: string;
  /** By XEP-0353. */
  readonly proposed: boolean;
}
