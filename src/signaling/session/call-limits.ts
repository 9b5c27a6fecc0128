import { overLimit, type WireCode } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import { TokenBuckets } from "../../shared/token-bucket.ts";
import { longerThan } from "../../shared/utf8.ts";
import type { Device, Outcome } from "../device.ts";
import { failed } from "../outcome.ts";
import { hasCandidates } from "./pair.ts";
import type { Session } from "./session.ts";

/** Users whose call rate is remembered. */
const maxUsers = 100_000;

/** What a call must pass before it rings: its own form, and how many there may be. */
export class CallGate {
  readonly #limits: Limits;
  readonly #rate: TokenBuckets;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#rate = new TokenBuckets(limits.callsPerMinute / 60, limits.callsBurst, maxUsers);
  }

  /** What is wrong with the call itself, beyond its schema. */
  malformed({ description, data }: RequestOf<"call">): Outcome | undefined {
    const { sdpBytes, bodyBytes } = this.#limits;
    if (description !== undefined) {
      if (description.type !== "offer") return failed("bad_request", "description: a call brings an offer");
      if (longerThan(description.sdp, sdpBytes))
        return { error: overLimit("sdpBytes", "too_large", `an SDP may have ${sdpBytes} bytes`) };
      if (hasCandidates(description)) return failed("candidates_before_accept");
    }
    if (data !== undefined && longerThan(JSON.stringify(data), bodyBytes))
      return { error: overLimit("bodyBytes", "too_large", `data may have ${bodyBytes} bytes`) };
    return undefined;
  }

  /** Which limit one more call of this device would break; `rings` are those that the callee has already. */
  full(
    device: Device,
    rings: ReadonlySet<Session>,
    sessions: { readonly size: number; load(device: Device): number },
    now: number,
  ): Outcome | undefined {
    const limits = this.#limits;
    if (!this.#rate.take(device.user, now)) {
      const retryAfter = this.#rate.retryAfter(device.user, now);
      return { error: overLimit("callsPerMinute", "rate_limited", undefined, retryAfter) };
    }
    if (sessions.size >= limits.sessions) return refused("sessions", "too_many_sessions");
    if (sessions.load(device) >= limits.sessionsPerDevice)
      return refused("sessionsPerDevice", "too_many_sessions");
    if (rings.size >= limits.ringsPerCallee) return refused("ringsPerCallee", "too_many_rings");
    let same = 0;
    for (const ring of rings) if (ring.caller.user === device.user) same += 1;
    return same >= limits.ringsPerPair ? refused("ringsPerPair", "too_many_rings") : undefined;
  }
}

const refused = (limit: keyof Limits, code: WireCode): Outcome => ({ error: overLimit(limit, code) });
