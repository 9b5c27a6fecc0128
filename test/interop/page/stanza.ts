import { Base, type PageEnd } from "./page-end.ts";

/** As much of stanza as is used here; its bundle is in the page. */
interface StanzaSession {
  readonly pc: RTCPeerConnection;
  readonly state: string;
  addTrack(track: MediaStreamTrack, stream: MediaStream): void;
  start(): Promise<void>;
  ring(): Promise<void>;
  accept(): Promise<void>;
  hold(): void;
  resume(): void;
  restartIce(): Promise<void>;
  end(reason?: string): void;
}
interface StanzaClient {
  readonly jingle: { createMediaSession(to: string, sid: string, stream: MediaStream): StanzaSession };
  // biome-ignore lint/suspicious/noExplicitAny: its events have many shapes
  on(event: string, hear: (...values: any[]) => void): void;
  connect(): void;
  disconnect(): void;
  sendPresence(): void;
}
declare const stanza: { createClient(options: object): StanzaClient };

const domain = "switchboard.test";

/** stanza, unmodified. */
export class StanzaEnd extends Base implements PageEnd {
  client: StanzaClient | undefined;
  #session: StanzaSession | undefined;
  /** Its call was ended for one that the other end makes in its place. */
  #replaced = false;

  get pc() {
    return this.#session?.pc;
  }

  async start() {
    const { user, device = "web", port } = this.options;
    const client = stanza.createClient({
      jid: `${user}@${domain}`,
      password: `dev:${user}`,
      resource: device,
      transports: { websocket: `ws://localhost:${port}/xmpp`, bosh: false },
      autoReconnect: true,
      jingle: { iceServers: [] },
    });
    this.client = client;
    client.on("jingle:incoming", (session: StanzaSession) => {
      const again = this.#replaced;
      this.#replaced = false;
      if (!again) this.fresh(1);
      this.#follow(session);
      for (const track of this.stream.getTracks()) session.addTrack(track, this.stream);
      void (again ? session.accept() : session.ring());
    });
    client.on(
      "jingle:terminated",
      (session: StanzaSession, reason?: { condition?: string; text?: string }) => {
        if (session !== this.#session) return;
        if (reason?.condition === "alternative-session") this.#replaced = true;
        else this.set({ ended: [reason?.condition, reason?.text].filter(Boolean).join(" ") || "end" });
      },
    );
    client.on("jingle:ringing", (session: StanzaSession) => {
      if (session === this.#session) this.set({ alerting: true });
    });
    client.on("jingle:hold", () => this.set({ held: true }));
    client.on("jingle:resumed", () => this.set({ held: false }));
    client.on("stream:error", (error: object) => this.failed(JSON.stringify(error)));
    await new Promise<void>((resolve, reject) => {
      client.on("session:started", () => resolve());
      client.on("auth:failed", () => reject(new Error("auth:failed")));
      client.connect();
    });
    // It says so again whenever it has signed in again.
    client.sendPresence();
    client.on("session:started", () => client.sendPresence());
  }

  call(to: string) {
    this.fresh(0);
    const { jingle } = this.client!;
    const [user, device] = to.split("/");
    const jid = `${user}@${domain}${device === undefined ? "" : `/${device}`}`;
    const session = jingle.createMediaSession(jid, crypto.randomUUID(), this.stream);
    this.#follow(session);
    void session.start();
  }

  answer() {
    void this.#session!.accept();
  }

  decline() {
    this.#session!.end("decline");
  }

  hold(on: boolean) {
    if (on) this.#session!.hold();
    else this.#session!.resume();
  }

  restartIce() {
    return this.#session!.restartIce();
  }

  hangup() {
    this.#session!.end(this.state.connected ? "success" : "cancel");
  }

  stop() {
    this.client?.disconnect();
  }

  #follow(session: StanzaSession) {
    this.#session = session;
    session.pc.addEventListener("connectionstatechange", () => {
      if (session.pc.connectionState === "connected") this.set({ connected: true });
    });
  }
}
