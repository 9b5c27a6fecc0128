/** What a call can send, each over a sender of its own. A slot's name ends with the kind of its track. */
export const slots = ["audio", "video", "screenaudio", "screenvideo"] as const;
export type Slot = (typeof slots)[number];

export function isScreen(slot: Slot): boolean {
  return slot.startsWith("screen");
}
