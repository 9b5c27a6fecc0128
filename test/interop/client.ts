import type { Capabilities } from "../../src/protocol/values.ts";
import type { End } from "./end.ts";
import type { Color } from "./page/page-end.ts";
import type { Rig } from "./rig.ts";

/** Who a client is, and what it sends. */
export interface Wishes {
  readonly user: string;
  readonly device?: string;
  readonly color: Color;
  /** Hz */
  readonly tone: number;
}

/** How a client tells each end of a call. What it is never told, or never says, is left out. */
export interface Words {
  /** The other end hung up, and it hung up itself. */
  readonly told: RegExp;
  readonly own: RegExp;
  /** The other end declined its call. */
  readonly declined?: RegExp;
  /** The other end was busy. */
  readonly busy?: RegExp;
  /** The other end gave up before it answered. */
  readonly cancelled?: RegExp;
  /** Another device of its user answered. */
  readonly elsewhere?: RegExp;
}

/** A client of the matrix: what it can do, and how one is opened. */
export interface Client {
  readonly name: string;
  /** What was run. */
  readonly version: string;
  /** Whose WebRTC it is, where that matters to others. */
  readonly engine?: "Firefox";
  /** What this machine lacks to run it. */
  readonly lacks?: string;
  /** What may be asked of it, as the server knows it. */
  readonly capabilities: Capabilities;
  /** Why it calls nobody. */
  readonly callsNobody?: string;
  readonly pictures: "sends and shows" | "sends" | "none";
  /** The codecs of its pictures: all that others have, unless told otherwise. `fails at H.264`: it takes no offer that has nothing else. */
  readonly codecs?: "no H.264" | "fails at H.264" | "H.264";
  /** Has data channels. `needed`: its calls end without one. */
  readonly data: boolean | "needed";
  /** Makes the offer itself where a caller makes none. */
  readonly offersWhenCalled?: boolean;
  /** Takes no section again that was rejected at first, as it is where whom it calls makes the offer. */
  readonly onlyOffers?: boolean;
  /** Makes no first offer: whom it calls makes it. */
  readonly onlyAnswers?: boolean;
  /** Accepts each call by itself, without a ring. */
  readonly answersItself?: boolean;
  /** How its person puts a call on hold: by an offer, by a message that is none, or not at all. */
  readonly holds: "offer" | "message" | "never";
  /** Its gateway answers its offers where the other end takes none, and answers offers to it. */
  readonly answersOnBehalf: { readonly ofOthers: boolean; readonly ofItself: boolean };
  /** When it can restart ICE of its own accord: in its own calls alone, or in every call. */
  readonly restarts: "own calls" | "all" | "never";
  /** Answers an ICE restart with the credentials that it had. */
  readonly keepsCredentials?: boolean;
  /** Takes for the answer to an ICE restart what has other credentials than before, and nothing else. */
  readonly knowsRestartByCredentials?: boolean;
  /** The call ends where the other end refuses an offer of its own in mid-call. */
  readonly endsWhenRefused?: boolean;
  /** How its person turns a call down: by a word, by being busy, or not at all. */
  readonly declines: "declined" | "busy" | "never";
  /** Says that a call of its own rings. */
  readonly alerts: boolean;
  /** Says that the other end holds the call. */
  readonly tellsHold: boolean;
  /** The server asks it now and then whether its call goes on. */
  readonly isAsked?: boolean;
  readonly words: Words;
  open(rig: Rig, wishes: Wishes): Promise<End>;
}
