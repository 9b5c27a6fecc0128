/** STUN and TURN methods (RFC 8489 §18.2, RFC 8656 §17.1, RFC 6062 §6.1). */
export const method = {
  binding: 0x001,
  allocate: 0x003,
  refresh: 0x004,
  send: 0x006,
  data: 0x007,
  createPermission: 0x008,
  channelBind: 0x009,
  connect: 0x00a,
  connectionBind: 0x00b,
  connectionAttempt: 0x00c,
} as const;

/** The class of a message (RFC 8489 §5). */
export type MessageClass = "request" | "indication" | "success" | "error";

const classBits = { request: 0x000, indication: 0x010, success: 0x100, error: 0x110 } as const;
const classes: Readonly<Record<number, MessageClass>> = {
  0: "request",
  16: "indication",
  256: "success",
  272: "error",
};

/** The 14 bits of a message type: the method's bits with the class's two among them. */
export function messageType(ofMethod: number, ofClass: MessageClass): number {
  return ((ofMethod & 0xf80) << 2) | ((ofMethod & 0x070) << 1) | (ofMethod & 0x00f) | classBits[ofClass];
}

/** The method and class of a message type. */
export function splitMessageType(type: number): { readonly method: number; readonly class: MessageClass } {
  return {
    method: ((type & 0x3e00) >> 2) | ((type & 0x00e0) >> 1) | (type & 0x000f),
    class: classes[type & 0x110] as MessageClass,
  };
}
