import type { Deadline } from "../../shared/deadlines.ts";
import type { Clock } from "./clock.ts";
import { parseCount } from "./header-values.ts";
import type { HeaderEntry, SipMessage, SipRequest } from "./message.ts";

/** The shortest interval that is accepted, in seconds. JsSIP uses 90. */
export const minSe = 60;

/** What a session timer tells its user. */
export interface SessionTimerUser {
  /** It is our turn to refresh the session. */
  refresh(now: number): void;
  /** The session was not refreshed in time. */
  expired(now: number): void;
}

/** `Session-Expires: 90;refresher=uac` (RFC 4028 §4). */
interface SessionExpires {
  readonly seconds: number;
  readonly refresher: "uac" | "uas" | undefined;
}

function sessionExpires(message: SipMessage): SessionExpires | undefined {
  const [count = "", ...parameters] = (message.headers.get("Session-Expires") ?? "").split(";");
  const seconds = parseCount(count.trim());
  if (seconds === undefined) return undefined;
  const refresher = parameters.map((one) => one.trim().toLowerCase());
  const uac = refresher.includes("refresher=uac");
  return { seconds, refresher: uac ? "uac" : refresher.includes("refresher=uas") ? "uas" : undefined };
}

/** True for a request whose session interval is too short. Refuse it with 422 and `Min-SE` (RFC 4028 §9). */
export function tooSmall(request: SipRequest): boolean {
  const wanted = sessionExpires(request);
  return wanted !== undefined && wanted.seconds < minSe && request.headers.includes("Supported", "timer");
}

/** The session timer of one dialog (RFC 4028). We don't ask for one. If the phone does, it gets one, and refreshes it if it can. */
export class SessionTimer {
  readonly #clock: Clock;
  readonly #user: SessionTimerUser;
  #timers: Deadline[] = [];

  constructor(clock: Clock, user: SessionTimerUser) {
    this.#clock = clock;
    this.#user = user;
  }

  /** We answer an INVITE or UPDATE with a 2xx, which gets these headers. The sender refreshes, unless it wants us to. */
  answered(request: SipRequest, now: number): HeaderEntry[] {
    const wanted = sessionExpires(request);
    if (wanted === undefined || !request.headers.includes("Supported", "timer")) {
      // A session that does not expire needs no refresh.
      if (wanted === undefined) this.stop();
      return [];
    }
    const refresher = wanted.refresher ?? "uac";
    this.#start(Math.max(wanted.seconds, minSe), refresher === "uas", now);
    return [
      ["Session-Expires", `${wanted.seconds};refresher=${refresher}`],
      ["Require", "timer"],
    ];
  }

  /** A 2xx came for our INVITE or UPDATE: it may ask for a timer though we did not. */
  agreed(response: SipMessage, now: number): void {
    const wanted = sessionExpires(response);
    if (wanted === undefined) this.stop();
    else this.#start(Math.max(wanted.seconds, minSe), wanted.refresher === "uac", now);
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }

  #start(seconds: number, ours: boolean, now: number): void {
    this.stop();
    const interval = seconds * 1_000;
    if (ours) this.#timers.push(this.#clock.after(interval / 2, now, (later) => this.#user.refresh(later)));
    // §10: the end that does not refresh gives up a little before the session expires.
    const end = interval - Math.min(32_000, interval / 3);
    this.#timers.push(this.#clock.after(ours ? interval : end, now, (later) => this.#user.expired(later)));
  }
}
