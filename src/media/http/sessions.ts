import type { MediaService } from "../service.ts";

/** What WHIP and WHEP remember of a session, as long as it lives. */
export interface HttpSession {
  readonly id: string;
  readonly endpoint: "whip" | "whep";
  readonly stream: string;
  /** The first section of the answer, which carries the candidates. */
  readonly mid: string;
  /** The section of the video, for layers; undefined without one. */
  readonly videoMid: string | undefined;
  /** Names the ICE session (RFC 9725 §4.3.1); another one after each restart. */
  etag: string;
  /** The ufrag of the client in this ICE session. Another one in a fragment is a restart. */
  remoteUfrag: string;
  /** Event streams that are open. */
  listeners: number;
}

/** The sessions that were opened over HTTP, until the media server says that they have ended. */
export class HttpSessions {
  readonly #service: Pick<MediaService, "listen">;
  readonly #sessions = new Map<string, HttpSession>();

  constructor(service: Pick<MediaService, "listen">) {
    this.#service = service;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Remembers a session. Does nothing for one that has ended already. */
  add(session: HttpSession): void {
    this.#sessions.set(session.id, session);
    const stop = this.#service.listen(session.id, (event) => {
      if (event.type === "ended") this.#sessions.delete(session.id);
    });
    if (stop === undefined) this.#sessions.delete(session.id);
  }

  /** The session of that URL; undefined where there is none. */
  find(endpoint: "whip" | "whep", stream: string, id: string): HttpSession | undefined {
    const session = this.#sessions.get(id);
    return session?.endpoint === endpoint && session.stream === stream ? session : undefined;
  }

  forget(id: string): void {
    this.#sessions.delete(id);
  }
}
