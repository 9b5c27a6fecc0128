import { signedToken } from "../conformance/token-source.ts";
import { CountingFrame, clientFrame, LoadSocket } from "./load-socket.ts";
import { candidate } from "./payload.ts";
import type { RelayDevice } from "./relay-load.ts";

export const benchSecret = "a-secret-of-the-benchmark-32-characters-long";

const decoder = new TextDecoder();
const grants = { call: ["*"], send: ["*"], watch: ["*"], join: ["room:*"] };

// biome-ignore lint/suspicious/noExplicitAny: frames are read by name
type Frame = Record<string, any>;

/** A token as an application's backend makes it. */
export function tokenOf(user: string): string {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { sub: user, iat: now, exp: now + 3_600, aud: "switchboard", iss: "switchboard", grants };
  return signedToken(claims, benchSecret);
}

/** A native client for load: it says hello, asks and listens as JSON, and then relays as bytes. */
export class SwitchboardDevice implements RelayDevice {
  readonly user: string;
  readonly id: string;
  socket: LoadSocket;
  welcome: Frame = {};
  seq = 0;
  attempt = 1;
  readonly instance: string = crypto.randomUUID();
  #nextId = 1;
  #acknowledged = 0;
  #signals: CountingFrame | undefined;
  #waiting: { matches: (frame: Frame) => boolean; resolve: (frame: Frame) => void }[] = [];
  #unread: Frame[] = [];

  private constructor(user: string, id: string, socket: LoadSocket) {
    this.user = user;
    this.id = id;
    this.socket = socket;
    this.#listen();
  }

  static async connect(port: number, user: string, id = "web"): Promise<SwitchboardDevice> {
    const socket = await LoadSocket.open(port, "/ws", "switchboard.v1");
    const device = new SwitchboardDevice(user, id, socket);
    device.#hello({});
    device.welcome = await device.wait((frame) => frame.type === "welcome");
    return device;
  }

  /** Cuts the transport and comes back over another one; resolves when `welcome` is there, with the time of hello. */
  async resume(port: number): Promise<number> {
    this.socket.destroy();
    this.attempt += 1;
    this.socket = await LoadSocket.open(port, "/ws", "switchboard.v1");
    this.#listen();
    const { link, secret, home } = this.welcome;
    const hello = performance.now();
    this.#hello({ resume: { link, secret, home, seq: this.seq } });
    this.welcome = await this.wait((frame) => frame.type === "welcome");
    if (this.welcome.resumed !== true) throw new Error(`resume was refused: ${this.welcome.reason}`);
    return hello;
  }

  fire(type: string, fields: Frame): number {
    const id = this.#nextId++;
    this.socket.sendText(JSON.stringify({ id, type, ...fields }));
    return id;
  }

  async ask(type: string, fields: Frame): Promise<Frame> {
    const id = this.fire(type, fields);
    const reply = await this.wait((frame) => frame.re === id);
    if (reply.ok === undefined) throw new Error(`${type}: ${JSON.stringify(reply.error)}`);
    return reply.ok;
  }

  push(type: string, session?: string): Promise<Frame> {
    return this.wait((frame) => frame.type === type && (session === undefined || frame.session === session));
  }

  wait(matches: (frame: Frame) => boolean): Promise<Frame> {
    const at = this.#unread.findIndex(matches);
    if (at >= 0) return Promise.resolve(this.#unread.splice(at, 1)[0] as Frame);
    return new Promise((resolve) => this.#waiting.push({ matches, resolve }));
  }

  /** Calls the other device and is answered; each end has described itself, so that candidates cross. */
  async callTo(other: SwitchboardDevice): Promise<void> {
    const { session } = await this.ask("call", { to: other.user });
    await other.push("incoming", session);
    other.fire("accept", { session });
    await this.push("accepted", session);
    await this.ask("confirm", { session, device: other.id });
    for (const end of [this, other]) {
      const type = end === this ? "offer" : "answer";
      end.fire("signal", { session, pair: 1, generation: 1, description: { type, sdp: "v=0" } });
    }
    for (const end of [this, other]) {
      await end.push("signal", session);
      const signal = { type: "signal", session, pair: 1, generation: 1, candidates: [candidate] };
      end.#signals = new CountingFrame(`${JSON.stringify(signal).slice(0, -1)},"id":`, end.#nextId - 1);
      end.#acknowledged = end.seq;
    }
  }

  // RelayDevice

  nextFrame(): Uint8Array {
    this.#nextId += 1;
    return this.#signals!.next();
  }

  /** `{"seq":…` is a signal, here; `{"type":"ack"…` and `{"type":"ping"}` are not. */
  isMessage(bytes: Uint8Array, start: number): boolean {
    if (bytes[start + 2] === letterS) {
      this.seq += 1;
      return true;
    }
    if (bytes[start + 9] === letterP) this.socket.write(pong);
    return false;
  }

  /** As every client does: an acknowledgement for each 16 frames. */
  housekeeping(): Uint8Array | undefined {
    if (this.seq - this.#acknowledged < 16) return undefined;
    this.#acknowledged = this.seq;
    return clientFrame(`{"type":"ack","seq":${this.seq}}`);
  }

  #hello(more: Frame): void {
    const device = { id: this.id, kind: "browser", name: "Web" };
    const { attempt, instance } = this;
    this.socket.sendText(
      JSON.stringify({ type: "hello", token: tokenOf(this.user), device, instance, attempt, ...more }),
    );
  }

  #listen(): void {
    this.socket.onFrame = (bytes, start, end) => {
      const frame = JSON.parse(decoder.decode(bytes.subarray(start, end))) as Frame;
      if (frame.seq !== undefined) this.seq = frame.seq;
      if (frame.type === "ping") this.socket.write(pong);
      const at = this.#waiting.findIndex(({ matches }) => matches(frame));
      if (at >= 0) this.#waiting.splice(at, 1)[0]?.resolve(frame);
      else if (frame.type !== "ack" && frame.type !== "ping")
        this.#unread = [...this.#unread.slice(-20), frame];
    };
    this.socket.onRead = () => {
      const ack = this.housekeeping();
      if (ack !== undefined) this.socket.write(ack);
    };
  }
}

const letterS = "s".charCodeAt(0);
const letterP = "p".charCodeAt(0);
const pong = clientFrame('{"type":"pong"}');
