import { Type } from "typebox";
import { idPattern } from "../../protocol/address.ts";

/** What the schemas of several operations hold. */
export const closed = { additionalProperties: false } as const;

export const UserId = Type.String({ pattern: idPattern, description: "A user's id." });
export const DeviceId = Type.String({ pattern: idPattern, description: "A device's id." });
export const SessionId = Type.String({ minLength: 1, maxLength: 64, description: "A session's id." });
export const StreamName = Type.String({ pattern: idPattern, description: "A stream's name." });
export const RoomName = Type.String({ pattern: idPattern, description: "A room's name, without `room:`." });
export const KeyId = Type.String({ minLength: 1, maxLength: 64, description: "The id of a key." });
export const Time = (description: string) =>
  Type.Integer({ minimum: 0, description: `${description} Unix ms.` });
export const Node = Type.String({ description: "The node that holds it." });
export const Address = Type.String({
  minLength: 1,
  maxLength: 264,
  description: "An address: `alice`, `alice/phone` or `room:visit`.",
});
