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
  malformed({ description, data }: Pick<RequestOf<"call">, "description" | "data">): Outcome | undefined {
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

  /**
   * Which limit one more call of this device would break; `rings` are those that the caller's user and others have at the
   * callee. {@link crowded} asks for the one that depends on what others do.
   */
  full(
    device: Device,
    rings: ReadonlySet<Session>,
    sessions: { readonly bounded: number; load(device: Device): number },
    now: number,
  ): Outcome | undefined {
    const limits = this.#limits;
    if (!this.#rate.take(device.user, now)) {
      const retryAfter = this.#rate.retryAfter(device.user, now);
      return { error: overLimit("callsPerMinute", "rate_limited", undefined, retryAfter) };
    }
    const crowdedNode = this.crowdedNode(sessions);
    if (crowdedNode !== undefined) return crowdedNode;
    if (sessions.load(device) >= limits.sessionsPerDevice)
      return refused("sessionsPerDevice", "too_many_sessions");
    let same = 0;
    for (const ring of rings) if (ring.caller.user === device.user) same += 1;
    return same >= limits.ringsPerPair ? refused("ringsPerPair", "too_many_rings") : undefined;
  }

  /** The refusal of one more call at a node that has as many sessions as it may have. */
  crowdedNode({ bounded }: { readonly bounded: number }): Outcome | undefined {
    return bounded >= this.#limits.sessions ? refused("sessions", "too_many_sessions") : undefined;
  }

  /** The refusal of a call to a callee who has as many of these rings as anybody may have. */
  crowded(rings: ReadonlySet<Session>): Outcome | undefined {
    if (rings.size < this.#limits.ringsPerCallee) return undefined;
    let audible = 0;
    for (const { callRequest } of rings) if (callRequest.muted !== true) audible += 1;
    return audible < this.#limits.ringsPerCallee ? undefined : refused("ringsPerCallee", "too_many_rings");
  }
}

const refused = (limit: keyof Limits, code: WireCode): Outcome => ({ error: overLimit(limit, code) });
