import { wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { RequestOf } from "../protocol/requests.ts";
import { TokenBuckets } from "../shared/token-bucket.ts";
import { longerThan } from "../shared/utf8.ts";
import type { Device, Outcome } from "./device.ts";
import { failed } from "./outcome.ts";
import { hasCandidates } from "./pair.ts";
import type { Ports } from "./ports.ts";
import type { Session } from "./session.ts";

/** Users whose call rate is remembered. */
const maxUsers = 100_000;

/** What a call must pass before it rings: its own form, and how many there may be. */
export class CallGate {
  readonly #limits: Limits;
  readonly #ports: Ports;
  readonly #rate: TokenBuckets;

  constructor(limits: Limits, ports: Ports) {
    this.#limits = limits;
    this.#ports = ports;
    this.#rate = new TokenBuckets(limits.callsPerMinute / 60, limits.callsBurst, maxUsers);
  }

  /** What is wrong with the call itself, beyond its schema. */
  malformed({ description, data }: RequestOf<"call">): Outcome | undefined {
    const { sdpBytes, bodyBytes } = this.#limits;
    if (description !== undefined) {
      if (description.type !== "offer") return failed("bad_request", "description: a call brings an offer");
      if (longerThan(description.sdp, sdpBytes))
        return failed("too_large", `an SDP may have ${sdpBytes} bytes`);
      if (hasCandidates(description)) return failed("candidates_before_accept");
    }
    if (data !== undefined && longerThan(JSON.stringify(data), bodyBytes))
      return failed("too_large", `data may have ${bodyBytes} bytes`);
    return undefined;
  }

  /** Which limit one more call of this device would break; `rings` are those that the callee has already. */
  full(
    device: Device,
    rings: ReadonlySet<Session> | undefined,
    sessions: { readonly size: number; load(device: Device): number },
    now: number,
  ): Outcome | undefined {
    const limits = this.#limits;
    if (!this.#rate.take(device.user, now)) {
      const retryAfter = this.#rate.retryAfter(device.user, now);
      return this.#bites("callsPerMinute", { error: wireError("rate_limited", undefined, retryAfter) });
    }
    if (sessions.size >= limits.sessions) return this.#bites("sessions", failed("too_many_sessions"));
    if (sessions.load(device) >= limits.sessionsPerDevice)
      return this.#bites("sessionsPerDevice", failed("too_many_sessions"));
    if (rings === undefined) return undefined;
    if (rings.size >= limits.ringsPerCallee) return this.#bites("ringsPerCallee", failed("too_many_rings"));
    let same = 0;
    for (const ring of rings) if (ring.caller.user === device.user) same += 1;
    return same >= limits.ringsPerPair ? this.#bites("ringsPerPair", failed("too_many_rings")) : undefined;
  }

  #bites(limit: keyof Limits, outcome: Outcome): Outcome {
    this.#ports.emit({ type: "limit", limit });
    return outcome;
  }
}
