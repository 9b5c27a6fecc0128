import { Base, type PageEnd } from "./page-end.ts";

/** As much of PeerJS as is used here; its script is in the page. */
interface PeerjsCall {
  readonly peer: string;
  readonly connectionId: string;
  readonly peerConnection: RTCPeerConnection;
  answer(stream: MediaStream): void;
  close(): void;
  // biome-ignore lint/suspicious/noExplicitAny: its events have many shapes
  on(event: string, hear: (value: any) => void): void;
}
interface PeerjsPeer {
  readonly id: string;
  call(to: string, stream: MediaStream, options?: object): PeerjsCall;
  getConnection(peer: string, id: string): PeerjsCall | null;
  readonly disconnected: boolean;
  readonly destroyed: boolean;
  reconnect(): void;
  destroy(): void;
  // biome-ignore lint/suspicious/noExplicitAny: its events have many shapes
  on(event: string, hear: (value: any) => void): void;
}
declare const Peer: new (id: string | undefined, options: object) => PeerjsPeer;

/** PeerJS, unmodified. */
export class PeerjsEnd extends Base implements PageEnd {
  peer: PeerjsPeer | undefined;
  #call: PeerjsCall | undefined;
  /** Who it calls, until media comes. */
  #calling: string | undefined;

  get pc() {
    return this.#call?.peerConnection;
  }

  /** A call that it has not answered goes without an event. */
  override look() {
    const call = this.#call;
    if (call === undefined || this.state.ended !== undefined) return;
    if (this.peer?.getConnection(call.peer, call.connectionId) === null) this.set({ ended: "gone" });
  }

  async start() {
    const { user, device, port, peerjs } = this.options;
    const token = device === undefined ? {} : { token: `dev:${user}` };
    // An id of PeerJS names no device: with a token that names none either, its device is `peerjs`.
    const peer = new Peer(user, {
      host: "localhost",
      port,
      path: "/peerjs",
      config: {},
      ...token,
      ...peerjs,
    });
    this.peer = peer;
    Object.assign(globalThis, { peerjs: peer });
    peer.on("call", (call: PeerjsCall) => {
      // The other end only makes offers: PeerJS closes its own call, and says that the other one calls.
      const again = this.#calling === call.peer;
      if (!again) this.fresh(1);
      this.#follow(call);
      if (again) call.answer(this.stream);
    });
    peer.on("connection", (data) => {
      const { label, metadata } = data;
      data.on("data", (heard: unknown) => data.send({ heard, label, metadata }));
    });
    peer.on("error", (error: { type: string }) => {
      // Nobody is there, or nobody takes the call.
      if (error.type === "peer-unavailable") this.set({ ended: error.type });
      // The server is away.
      else if (error.type === "network" || error.type === "socket-error") return;
      else this.failed(error.type);
    });
    // As its documentation has it: a peer that was cut off connects again when it is told to.
    peer.on("disconnected", () => setTimeout(() => this.#again(), 1_000));
    await new Promise<void>((resolve, reject) => {
      peer.on("open", () => resolve());
      peer.on("error", reject);
    });
  }

  #again() {
    const { peer } = this;
    if (peer === undefined || peer.destroyed || !peer.disconnected) return;
    peer.reconnect();
    setTimeout(() => this.#again(), 1_000);
  }

  call(to: string) {
    this.fresh(0);
    this.#calling = to;
    this.#follow(this.peer!.call(to, this.stream, { metadata: { said: "hello" } }));
  }

  answer() {
    this.#call!.answer(this.stream);
  }

  decline() {
    this.#call!.close();
  }

  hangup() {
    this.#call!.close();
  }

  stop() {
    this.peer?.destroy();
  }

  #follow(call: PeerjsCall) {
    this.#call = call;
    call.on("stream", () => {
      this.#calling = undefined;
      this.set({ connected: true });
    });
    call.on("close", () => {
      if (this.#call === call) this.set({ ended: this.state.ended ?? "close" });
    });
    call.on("error", (error) => this.failed(error));
  }
}
