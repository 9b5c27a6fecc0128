import type { Session } from "../session/session.ts";

/** The sessions of rooms' meshes, by room and member. */
export class MeshIndex {
  readonly #sessions = new Map<string, Set<Session>>();

  add(session: Session, room: string, members: readonly string[]): void {
    for (const member of members) {
      const key = keyOf(room, member);
      const sessions = this.#sessions.get(key);
      if (sessions === undefined) this.#sessions.set(key, new Set([session]));
      else sessions.add(session);
    }
  }

  /** The sessions of a member, as they are now: the list may be walked while they end. */
  of(room: string, member: string): readonly Session[] {
    return [...(this.#sessions.get(keyOf(room, member)) ?? [])];
  }

  remove(session: Session): void {
    for (const member of session.members ?? []) {
      const key = keyOf(session.room!, member);
      const sessions = this.#sessions.get(key);
      if (sessions?.delete(session) && sessions.size === 0) this.#sessions.delete(key);
    }
  }
}

/** A member id has no space in it. */
function keyOf(room: string, member: string): string {
  return `${member} ${room}`;
}
