import { attribute, comprehensionRequired } from "../wire/stun/attribute-type.ts";
import type { Attribute, StunMessage } from "../wire/stun/message.ts";

const understood: ReadonlySet<number> = new Set(Object.values(attribute));
/** CHANGE-REQUEST of RFC 3489 (§11.2.4). */
const changeRequest = 0x0003;

/** The comprehension-required types of a message that this server does not know, each once (RFC 8489 §6.3). */
export function unknownAttributes(message: StunMessage): number[] {
  const unknown = new Set<number>();
  for (const one of message.attributes)
    if (
      comprehensionRequired(one.type) &&
      !understood.has(one.type) &&
      !(message.classic && asksNoChange(one))
    )
      unknown.add(one.type);
  const types = [...unknown];
  const last = types.at(-1);
  // Attributes of RFC 3489 are whole words: where a type is left over, it is named twice (§11.2.10).
  return message.classic && types.length % 2 === 1 && last !== undefined ? [...types, last] : types;
}

/** Old clients say so in each request: answer from where you were asked. */
function asksNoChange({ type, value }: Attribute): boolean {
  return type === changeRequest && value.length === 4 && value.every((byte) => byte === 0);
}
