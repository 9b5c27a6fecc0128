import type { PushBody, PushOf } from "../../protocol/pushes.ts";
import type { Description, PeerInfo } from "../../protocol/values.ts";
import type { Leg } from "./leg.ts";
import type { Session } from "./session.ts";

/** What the caller hears of the device that answered. */
export function acceptedPush(session: Session, leg: Leg, description?: Description): PushBody {
  const { number: pair, generation, offerer } = session.pairs.current;
  const push: PushBody = {
    type: "accepted",
    session: session.id,
    device: leg.deviceId,
    peer: leg.info,
    pair,
    generation,
  };
  if (description !== undefined) push.description = description;
  if (offerer === leg) push.offer = false;
  if (leg.device?.capabilities.bundle === false) push.bundle = false;
  return push;
}

/** How a session has ended beside its reason: who ended it, which end knows already, and what is said of it. */
export interface HowEnded {
  readonly by?: Leg;
  readonly except?: Leg;
  readonly detail?: string | undefined;
}

/** What `ended` says beside the reason. Which of a user's devices declined is nobody else's business. */
export function endDetails(session: Session, { by, detail }: HowEnded): { by?: PeerInfo; detail?: string } {
  const declined = session.state === "ringing" && by?.side === "callee";
  return {
    ...(by === undefined ? {} : { by: declined ? { user: by.user } : by.identity }),
    ...(detail === undefined ? {} : { detail }),
  };
}

/** The session as one of its ends sees it: where nobody rang, or a ticket found it again. */
export function sessionPush(session: Session, leg: Leg, ticket: string): Omit<PushOf<"session">, "seq"> {
  const { callRequest, room, members, stream } = session;
  const outgoing = leg.side === "caller";
  const other = outgoing ? session.answered : session.caller;
  const pair = session.pairs.current;
  const push: Omit<PushOf<"session">, "seq"> = {
    type: "session",
    session: session.id,
    ticket,
    peer: other?.info ?? { user: callRequest.user },
    pair: pair.number,
    generation: pair.generation,
    offer: pair.offerer === leg,
    state: session.state === "active" ? "active" : "ringing",
    direction: outgoing ? "out" : "in",
  };
  if (callRequest.media !== undefined) push.media = callRequest.media;
  if (room !== undefined) push.room = room;
  if (stream !== undefined) push.stream = callRequest.to;
  if (members !== undefined) push.member = members[outgoing ? 1 : 0];
  return push;
}
