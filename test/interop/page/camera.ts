import type { Capabilities } from "../../../src/client/index.ts";
import { Base, type PageEnd } from "./page-end.ts";

export const cameraCapabilities: Capabilities = {
  sdpRole: "offer-only",
  renegotiation: "none",
  iceRestart: false,
};

/** A device that makes offers and can't answer any, as cameras on libpeer are: the native protocol, with RTCPeerConnection alone. */
export class Camera extends Base implements PageEnd {
  pc: RTCPeerConnection | undefined;
  #socket: WebSocket | undefined;
  #asked = 0;
  #session = "";
  /** The request that took the call. */
  #accepting = 0;
  #early: RTCIceCandidate[] = [];

  async start() {
    const { user, port, device: id = "camera" } = this.options;
    const socket = new WebSocket(`ws://localhost:${port}/ws`, "switchboard.v1");
    this.#socket = socket;
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    const device = { id, kind: "camera", capabilities: cameraCapabilities };
    const hello = { type: "hello", token: `dev:${user}`, device, instance: crypto.randomUUID(), attempt: 1 };
    socket.send(JSON.stringify(hello));
    await new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.type === "welcome") resolve();
        else if (frame.type === "ping") socket.send(JSON.stringify({ type: "pong" }));
        else void this.#heard(frame);
      };
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: frames of every type
  async #heard(frame: any) {
    if (frame.type === "incoming") {
      this.fresh(1);
      this.#session = frame.session;
      if (!frame.offer || frame.description) this.failed("the camera was not asked for its offer");
      this.#ask("ringing", {});
    } else if (frame.ok?.offer === true) this.#candidates(frame.ok.generation);
    else if (frame.error) {
      // Another device was faster, or a report came after the end.
      const late = frame.re === this.#accepting || frame.error.code === "no_session";
      if (!late) this.failed(frame.error.message);
    } else if (frame.type === "signal" && frame.description?.type === "offer") {
      this.failed("the camera got an offer");
    } else if (frame.type === "signal" && frame.description)
      await this.pc!.setRemoteDescription(frame.description);
    else if (frame.type === "ended" && frame.session === this.#session) {
      this.set({ ended: frame.reason });
      this.pc?.close();
    }
    if (frame.type === "signal")
      for (const candidate of frame.candidates ?? [])
        await this.pc!.addIceCandidate(candidate).catch(() => {});
  }

  #ask(type: string, fields: object): number {
    this.#asked += 1;
    this.#socket!.send(JSON.stringify({ id: this.#asked, type, session: this.#session, ...fields }));
    return this.#asked;
  }

  call() {
    throw new Error("this camera calls nobody");
  }

  answer() {
    void (async () => {
      const pc = new RTCPeerConnection();
      this.pc = pc;
      pc.onconnectionstatechange = () => {
        this.#ask("report", { stats: { state: pc.connectionState } });
        if (pc.connectionState !== "connected") return;
        this.set({ connected: true });
        // The far end closed its connection.
        const dtls = pc.getSenders()[0]?.transport;
        dtls?.addEventListener("statechange", () => {
          if (dtls.state === "closed") this.#ask("report", { stats: { state: "closed" } });
        });
      };
      for (const track of this.stream.getTracks()) pc.addTrack(track, this.stream);
      const offer = await pc.createOffer();
      const sdp =
        this.options.unbundled === true ? offer.sdp!.replace(/a=group:BUNDLE.*\r\n/, "") : offer.sdp!;
      this.#early = [];
      pc.onicecandidate = ({ candidate }) => {
        if (candidate !== null) this.#early.push(candidate);
      };
      await pc.setLocalDescription({ type: "offer", sdp });
      this.#accepting = this.#ask("accept", { description: { type: "offer", sdp } });
    })();
  }

  decline() {
    this.#ask("decline", {});
  }

  #candidates(generation: number) {
    const send = (candidates: RTCIceCandidate[]) => this.#ask("signal", { pair: 1, generation, candidates });
    send(this.#early);
    this.pc!.onicecandidate = ({ candidate }) => {
      if (candidate !== null) send([candidate]);
    };
  }

  hangup() {
    this.#ask("hangup", {});
    // Who hangs up is told no more.
    this.set({ ended: "hangup" });
    this.pc?.close();
  }

  stop() {
    this.#socket?.close(1000);
  }
}
