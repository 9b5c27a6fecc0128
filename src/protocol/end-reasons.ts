/** Why a session, or one leg of it, ended. The list is closed: each end has exactly one of these. */
export const endReasons = {
  hangup: "One end hung up.",
  declined: "The callee declined.",
  declined_elsewhere: "The callee declined for all devices, on another device.",
  answered_elsewhere: "Another device of the callee answered; `device` names it.",
  cancelled: "The caller gave up before an answer.",
  no_answer: "Nobody answered within the ring's time.",
  busy: "The callee is busy.",
  unreachable: "The callee has no device that could be rung.",
  incompatible: "The devices can't talk to each other.",
  merged: "Glare: two users called each other, and the other call goes on.",
  moved: "The call goes on at another device of the same user; `device` names it.",
  unconfirmed: "The caller did not confirm the answer in time.",
  failed: "The media connection failed.",
  lost: "A device was gone for longer than a detached leg may be.",
  left: "A member left the room that this session belonged to.",
  closed: "The device closed its link.",
  forbidden: "The permission for this session was withdrawn.",
  shutdown: "The server ended the session.",
  replaced: "Another publisher took the stream over.",
  stream_over: "The stream is over, or its publisher did not come back.",
} as const satisfies Record<string, string>;

/** A member of the closed list of reasons. */
export type WireReason = keyof typeof endReasons;
