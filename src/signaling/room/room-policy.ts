import type { Address } from "../../protocol/address.ts";
import { covers } from "../../protocol/address-pattern.ts";
import { type WireError, wireError } from "../../protocol/error-codes.ts";
import type { RoomPolicy } from "../../protocol/values.ts";

/** The rules of rooms whose name matches; the first match counts. */
export interface RoomRule extends RoomPolicy {
  /** An address pattern, such as `room:visit-*`. */
  readonly match: string;
}

/** The rule of the configuration for a room: the first that matches, or no rule at all. */
export function ruleFor(rules: readonly RoomRule[], room: Address): RoomPolicy {
  const found = rules.find((rule) => covers([rule.match], room));
  return found === undefined ? {} : knownFields(found);
}

/**
 * A room's policy: what its moderators have set, and for the rest its rule. They may make a room smaller than its
 * rule (without one: than `roomSize`), not larger.
 */
export function effectivePolicy(rule: RoomPolicy, set: RoomPolicy, roomSize: number): RoomPolicy {
  const policy = { ...rule, ...knownFields(set) };
  if (set.size !== undefined) policy.size = Math.min(set.size, rule.size ?? roomSize);
  return policy;
}

/** Why nobody may join now; undefined while the room is open. */
export function windowRefusal(policy: RoomPolicy, now: number): WireError | undefined {
  if (policy.closes !== undefined && now >= policy.closes)
    return wireError("room_closed", "The room has closed.");
  if (policy.opens !== undefined && now < policy.opens)
    return wireError("room_closed", "The room is not open yet.", policy.opens - now);
  return undefined;
}

/** Without fields of later protocol versions, and without a rule's `match`. */
function knownFields({ lobby, size, opens, closes }: RoomPolicy): RoomPolicy {
  return {
    ...(lobby === undefined ? {} : { lobby }),
    ...(size === undefined ? {} : { size }),
    ...(opens === undefined ? {} : { opens }),
    ...(closes === undefined ? {} : { closes }),
  };
}
