import { attribute, comprehensionRequired } from "../wire/stun/attribute-type.ts";
import type { StunMessage } from "../wire/stun/message.ts";

const understood: ReadonlySet<number> = new Set(Object.values(attribute));

/** The comprehension-required types of a message that this server does not know, each once (RFC 8489 §6.3). */
export function unknownAttributes(message: StunMessage): number[] {
  const unknown = new Set<number>();
  for (const { type } of message.attributes)
    if (comprehensionRequired(type) && !understood.has(type)) unknown.add(type);
  return [...unknown];
}
