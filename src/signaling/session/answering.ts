import type { RequestOf } from "../../protocol/requests.ts";
import type { Outcome } from "../device.ts";
import { done, failed } from "../outcome.ts";
import type { Leg } from "./leg.ts";
import { acceptPlaced } from "./placed-accept.ts";
import type { Session } from "./session.ts";
import type { SessionHost } from "./session-host.ts";
import { acceptedPush } from "./session-pushes.ts";

/**
 * How a ring is answered, refused or given up. The first accept is locked, the caller's confirm makes it final: there is at most one
 * winner, and both ends agree on it.
 */
export class Answering {
  readonly #session: Session;
  readonly #host: SessionHost;

  constructor(session: Session, host: SessionHost) {
    this.#session = session;
    this.#host = host;
  }

  alerting(leg: Leg, now: number): Outcome {
    const session = this.#session;
    if (session.phase.name === "active") return failed("wrong_state");
    if (leg.side === "caller") return failed("wrong_state", "only a callee's device rings");
    const heard = session.caller.device !== undefined || session.placement !== undefined;
    if (!leg.alerting && session.phase.name === "ringing" && heard) {
      leg.alerting = true;
      // Only a device that is there can alert: who may not see presence does not hear of it.
      if (session.callerMaySee())
        session.caller.deliver({ type: "ringing", session: session.id, device: leg.info }, now);
    }
    return done;
  }

  accept(leg: Leg, request: RequestOf<"accept">, now: number): Outcome | undefined {
    const session = this.#session;
    if (session.move?.leg === leg) return session.move.accept(now);
    // Asked again by a device that does not know what became of it, for the session has another owner since.
    if (session.waiting.some((reply) => reply.device === leg.device && reply.id === request.id))
      return undefined;
    if (leg === session.caller) return failed("wrong_state", "only a callee's device accepts");
    const { device } = leg;
    if (device === undefined) return failed("no_session");
    if (session.phase.name !== "ringing") {
      if (session.answered === leg) return failed("wrong_state", "this device has already accepted");
      return failed("answered_elsewhere");
    }
    const { description } = request;
    if (request.refused !== undefined) return this.#acceptRefused(leg, request, now);
    if (session.placement !== undefined)
      return acceptPlaced(session, this.#host, session.placement, leg, request, now);
    const pair = session.pairs.current;
    const offers = session.ring.calleeOffers(device);
    if (description !== undefined && (description.type === "offer") !== offers)
      return failed("wrong_state", offers ? "this device makes the offer" : "the caller makes the offer");
    const refusal = description === undefined ? undefined : pair.refusal(leg, description);
    if (refusal !== undefined) return { error: refusal };
    if (offers) session.pairs.invert(leg);
    else pair.answerer = leg;
    if (description !== undefined) pair.described(leg, description);
    session.ring.remove(device);
    session.ring.pause();
    session.phase = { name: "answering", leg, reply: { device, id: request.id } };
    session.times.accepted = now;
    this.awaitConfirm(session.limits.confirmTimeout, now);
    session.caller.deliver(acceptedPush(session, leg, description), now);
    return undefined;
  }

  /** The person answers, but the device can't use the offer that it rang with: it is out, others may still answer. */
  #acceptRefused(leg: Leg, { description }: RequestOf<"accept">, now: number): Outcome {
    if (description !== undefined) return failed("bad_request", "refused: goes alone");
    this.decline(leg, { reason: "incompatible" }, now);
    return failed("incompatible", "this device is out of the ring");
  }

  confirm(leg: Leg, device: string, now: number): Outcome {
    const session = this.#session;
    const state = session.phase;
    // Sent again by a caller that did not hear the reply.
    const taken = (): Outcome => ({ ok: { ticket: session.ticket(leg, now) } });
    // Who made the offer of a placed call heard `accepted`, though nothing waits for its word.
    if (session.placement !== undefined && state.name === "active") return taken();
    if (leg !== session.caller) return failed("wrong_state", "only the caller confirms");
    if (state.name === "active" && state.callee.deviceId === device) return taken();
    if (state.name !== "answering" || state.leg.deviceId !== device) return failed("wrong_state");
    const winner = state.leg;
    session.confirmEnd?.cancel();
    session.phase = { name: "active", callee: winner };
    session.tellWon(winner, state.reply, now);
    const inverted = session.pairs.current.offerer === winner;
    if (!inverted) session.ring.tellOffer(winner, now);
    session.ring.stop("answered_elsewhere", { device: winner.deviceId }, now);
    session.pairs.current.opens(now);
    if (session.offerLost && !inverted)
      leg.deliver({ type: "resync", session: session.id, ...session.pairs.current.position }, now);
    session.offerLost = false;
    const after = (session.times.accepted ?? now) - session.times.started;
    this.#host.ports.emit({
      type: "session_accepted",
      session: session.id,
      device: winner.deviceId,
      after,
    });
    this.#host.activated(session, now);
    return taken();
  }

  /** The answer must be confirmed within this time. */
  awaitConfirm(ms: number, now: number): void {
    const session = this.#session;
    session.confirmEnd = this.#host.deadlines.add(now + ms, (later) => session.end("unconfirmed", later));
  }

  decline(
    leg: Leg,
    request: Pick<RequestOf<"decline">, "everywhere" | "reason" | "automatic">,
    now: number,
  ): Outcome {
    const session = this.#session;
    if (session.move?.leg === leg && leg !== session.move.from) return session.move.decline(now);
    // Who has accepted a placed call, and waits for the other party, has nothing else to say for it.
    if (session.placement !== undefined && leg === session.caller && session.phase.name === "ringing")
      return this.cancel(leg, now);
    if (leg.side === "caller" || session.phase.name === "active")
      return failed("wrong_state", "nothing rings here");
    if (session.phase.name === "answering" && session.phase.leg === leg) {
      session.end("declined", now, { by: leg, except: leg });
      return done;
    }
    const { device } = leg;
    session.leaveRing(leg);
    const automatic = request.automatic === true;
    session.ring.refused(device, request.reason ?? "declined", automatic);
    if (session.phase.name !== "ringing") return done;
    // Once somebody has answered, everywhere is here: the answer is not this device's to take back.
    if (request.everywhere === true && (!automatic || session.callerMaySee())) {
      if (session.callRequest.plan !== undefined) {
        // Everywhere is where this user is rung; who else is, may still answer.
        session.ring.stopUser(leg.user, leg.deviceId, now);
        session.ring.settle(now);
        return done;
      }
      session.ring.stop("declined_elsewhere", { device: leg.deviceId }, now);
      session.end("declined", now, { by: leg });
    } else session.ring.settle(now);
    return done;
  }

  cancel(leg: Leg, now: number): Outcome {
    const session = this.#session;
    if (leg !== session.caller) return failed("wrong_state", "only the caller cancels");
    if (session.phase.name === "active") return session.hangup(leg, "hangup", undefined, now);
    const merged = session.crossing !== undefined && session.crossing.survivor !== session.id;
    session.end(merged ? "merged" : "cancelled", now, { by: leg, except: leg });
    return done;
  }
}
