import { clientFrame, LoadSocket } from "./load-socket.ts";
import { candidate } from "./payload.ts";
import type { RelayDevice } from "./relay-load.ts";

const connectionId = "mc_p8v3x1q0c2s";
const decoder = new TextDecoder();

/** A PeerJS client for load: signed in as the PeerJS library does it, with the messages that it sends. */
export class PeerjsDevice implements RelayDevice {
  readonly id: string;
  readonly socket: LoadSocket;
  #message: Uint8Array = new Uint8Array(0);

  private constructor(id: string, socket: LoadSocket) {
    this.id = id;
    this.socket = socket;
  }

  static async connect(port: number, id: string): Promise<PeerjsDevice> {
    const token = Math.random().toString(36).slice(2);
    const socket = await LoadSocket.open(port, `/peerjs?key=peerjs&id=${id}&token=${token}&version=1.5.5`);
    await new Promise<void>((resolve, reject) => {
      socket.onFrame = (bytes, start, end) => {
        const { type } = JSON.parse(decoder.decode(bytes.subarray(start, end)));
        if (type === "OPEN") resolve();
        else reject(new Error(`the PeerJS server says ${type}`));
      };
    });
    return new PeerjsDevice(id, socket);
  }

  /** Calls the other one, which answers, as PeerJS does before it sends candidates. */
  async call(other: PeerjsDevice): Promise<void> {
    const payload = { type: "media", connectionId };
    const rang = other.#next("OFFER");
    this.#say("OFFER", { dst: other.id, payload: { ...payload, sdp: { type: "offer", sdp: "v=0\r\n" } } });
    await rang;
    const answered = this.#next("ANSWER");
    other.#say("ANSWER", { dst: this.id, payload: { ...payload, sdp: { type: "answer", sdp: "v=0\r\n" } } });
    await answered;
  }

  /** Offers somebody a connection, and resolves with the answer. */
  async offer(dst: string, id: string): Promise<void> {
    const answered = this.#next("ANSWER");
    const payload = { type: "media", connectionId: id, sdp: { type: "offer", sdp: "v=0\r\n" } };
    this.#say("OFFER", { dst, payload });
    await answered;
  }

  leave(dst: string): void {
    this.#say("LEAVE", { dst });
  }

  #say(type: string, fields: object): void {
    this.socket.write(clientFrame(JSON.stringify({ type, ...fields })).slice());
  }

  #next(type: string): Promise<void> {
    return new Promise((resolve) => {
      this.socket.onFrame = (bytes, start, end) => {
        if (JSON.parse(decoder.decode(bytes.subarray(start, end))).type === type) resolve();
      };
    });
  }

  talksTo(other: PeerjsDevice): void {
    const payload = { candidate, type: "media", connectionId };
    this.#message = clientFrame(JSON.stringify({ type: "CANDIDATE", payload, dst: other.id }));
  }

  nextFrame(): Uint8Array {
    return this.#message;
  }

  /** `{"type":"CANDIDATE"…` is all that comes here. */
  isMessage(bytes: Uint8Array, start: number): boolean {
    return bytes[start + 9] === letterC;
  }

  housekeeping(): undefined {
    return undefined;
  }
}

const letterC = "C".charCodeAt(0);
