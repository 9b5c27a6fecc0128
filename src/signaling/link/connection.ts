import { type CloseName, closeCodes } from "../../protocol/close-codes.ts";
import { decodeFrame, decodeHello } from "../../protocol/codec.ts";
import { overLimit, type WireError, wireError } from "../../protocol/error-codes.ts";
import type { Hello } from "../../protocol/handshake.ts";
import { type Request, silentRequests } from "../../protocol/requests.ts";
import { longerThan } from "../../shared/utf8.ts";
import type { Device, Outcome } from "../device.ts";
import type { Identity, KnownDevice, Ports, Remote, Transport } from "../ports.ts";
import type { Links } from "./links.ts";
import type { NativeLink } from "./native-link.ts";
import type { SignIn } from "./sign-in.ts";

/** What a connection needs of its core. */
export interface ConnectionHost {
  readonly ports: Ports;
  readonly links: Links;
  readonly signIn: SignIn;
  readonly draining: boolean;
  /** Performs a request of a device. Without an outcome the reply comes later, through the device's link. */
  perform(device: Device, request: Request, now: number): Outcome | undefined;
  /** The connection has said hello, or is gone. */
  settled(connection: NativeConnection): void;
  /** Runs what became due. Called after every input. */
  settle(now: number): void;
}

/**
 * One transport of the native protocol, from its first frame to its end:
 *
 *     silent ──hello──▶ verifying ──welcome──▶ speaking ──▶ closed
 */
export class NativeConnection {
  readonly #host: ConnectionHost;
  readonly #transport: Transport;
  readonly #remote: Remote;
  readonly #known: KnownDevice | undefined;
  #link: NativeLink | undefined;
  #device: Device | undefined;
  /** When the frame in hand came. */
  #came = 0;
  #phase: "silent" | "verifying" | "speaking" | "closed" = "silent";

  constructor(host: ConnectionHost, transport: Transport, remote: Remote, known?: KnownDevice) {
    this.#host = host;
    this.#transport = transport;
    this.#remote = remote;
    this.#known = known;
  }

  /** One text frame. */
  receive(text: string, now: number, came: number = now): void {
    this.#came = came;
    switch (this.#phase) {
      case "speaking":
        this.#frame(text, now);
        break;
      case "silent":
        this.#hello(text, now);
        break;
      case "verifying":
        this.refuse("badHello", "wait for welcome");
        break;
      case "closed":
        return;
    }
    this.#host.settle(now);
  }

  /** One text frame of a transport that has sent far too much: a request is refused for the rate, whatever the rate allows. */
  receiveOverRate(text: string, now: number): void {
    this.#speaking?.spendRate(now);
    this.receive(text, now);
  }

  /** One binary frame: no client may send one. */
  receiveBinary(now: number): void {
    this.#violation("binary frames are not spoken here", now);
    this.#host.settle(now);
  }

  /** The transport is gone. 1000 is the client's own close: its link ends with it. */
  closed(code: number, now: number): void {
    const link = this.#speaking;
    this.#end();
    if (link !== undefined) {
      if (code === closeCodes.normal.code) this.#host.links.leave(link, now);
      else link.lost(code, now);
    }
    this.#host.settle(now);
  }

  /** Closes a transport that speaks for no link. */
  refuse(why: CloseName, reason?: string): void {
    const { code, text } = closeCodes[why];
    this.#end();
    this.#host.ports.emit({ type: "transport_refused", code, reason: why });
    this.#transport.close(code, reason ?? text);
  }

  /** The link, as long as this transport is its current one. */
  get #speaking(): NativeLink | undefined {
    return this.#link?.transport === this.#transport ? this.#link : undefined;
  }

  #end(): void {
    this.#phase = "closed";
    this.#host.settled(this);
  }

  #hello(text: string, now: number): void {
    if (this.#host.draining) {
      this.#transport.send('{"type":"goodbye","action":"resume","after":1000,"reason":"drain"}');
      this.refuse("drain");
      return;
    }
    if (longerThan(text, this.#host.links.limits.helloBytes)) {
      this.#host.ports.emit({ type: "limit", limit: "helloBytes" });
      this.refuse("badHello", `hello: over ${this.#host.links.limits.helloBytes} bytes`);
      return;
    }
    const hello = decodeHello(text);
    if (!hello.ok) {
      this.refuse("badHello", `hello: ${hello.error}`.slice(0, 120));
      return;
    }
    const { token } = hello.value;
    this.#phase = "verifying";
    if (token === undefined) {
      const identity = this.#known?.identity;
      if (identity === undefined) this.refuse("badHello", "hello: token is missing");
      else this.#admit(hello.value, identity, now);
      return;
    }
    const verified: Parameters<Ports["verify"]>[1] = (result, later) => {
      if (this.#phase !== "verifying") return;
      if (result.ok) this.#admit(hello.value, result.value, later);
      // Where the keys can't be had just now, another attempt may well succeed.
      else {
        const { temporary, code, message } = result.error;
        this.refuse(temporary ? "overloaded" : "unauthorized", `${code}: ${message}`.slice(0, 120));
      }
      this.#host.settle(later);
    };
    this.#host.ports.verify(token, verified, this.#remote);
  }

  #admit(hello: Hello, claimed: Identity, now: number): void {
    const waits = () => this.#phase === "verifying";
    const identity = this.#known === undefined ? claimed : narrowed(claimed, this.#known);
    if (identity === undefined) {
      this.refuse("forbidden", "this transport is for another device");
      return;
    }
    this.#host.signIn.admit(
      { transport: this.#transport, hello, identity, waits },
      now,
      (admission, later) => {
        if (this.#phase !== "verifying") {
          // The client went away while another node was asked; its link is there, and can be resumed.
          if ("link" in admission && admission.link.transport === this.#transport)
            admission.link.lost(closeCodes.goingAway.code, later);
          return;
        }
        if ("close" in admission) {
          this.refuse(admission.close, admission.reason);
          return;
        }
        this.#phase = "speaking";
        this.#link = admission.link;
        this.#device = admission.link.device;
        this.#host.settled(this);
      },
    );
  }

  #frame(text: string, now: number): void {
    const link = this.#speaking;
    // A newer transport has taken the link over: what still comes of this one counts for nothing.
    if (link === undefined) return;
    link.lastHeard = now;
    link.pingSent = false;
    link.formerSecretHash = "";
    if (longerThan(text, this.#host.links.limits.frameBytes)) {
      this.#host.ports.emit({ type: "limit", limit: "frameBytes" });
      link.suspend("frameTooLarge", now);
      this.#end();
      return;
    }
    const decoded = decodeFrame(text);
    if (!decoded.ok) {
      this.#violation(decoded.error, now);
      return;
    }
    const frame = decoded.value;
    switch (frame.kind) {
      case "request":
        if (this.#counts(link, frame.request.id, now)) this.#perform(link, frame.request, now);
        break;
      case "refused":
        if (this.#counts(link, frame.id, now) && this.#withinRate(link, frame.id, "unknown", now))
          this.#reply(link, frame.id, { error: frame.error }, "unknown", now);
        break;
      case "ack":
        if (!link.acknowledged(frame.seq)) this.#violation("acknowledged what was never sent", now);
        break;
      case "ping":
        link.sendUncounted('{"type":"pong"}', now);
        break;
      case "pong":
        break;
    }
  }

  /** Admits a request by its id: the next one counts, an older one is a repetition, a later one breaks the order. */
  #counts(link: NativeLink, id: number, now: number): boolean {
    if (id <= link.got) return false;
    if (id > link.got + 1) {
      this.#violation(`request ${id} came after ${link.got}`, now);
      return false;
    }
    link.got = id;
    return true;
  }

  #perform(link: NativeLink, request: Request, now: number): void {
    const { links } = this.#host;
    if (!this.#withinRate(link, request.id, request.type, now)) return;
    const silent = silentRequests.has(request.type);
    if (!silent && link.inFlight >= links.limits.requestsInFlight) {
      const error = overLimit("requestsInFlight", "too_many_requests");
      this.#reply(link, request.id, { error }, request.type, now);
      return;
    }
    const outcome = this.#guarded(request, now);
    if (silent) {
      if (outcome !== undefined && "error" in outcome)
        this.#reply(link, request.id, outcome, request.type, now);
      else link.admittedSilently(now);
      return;
    }
    if (outcome !== undefined) this.#reply(link, request.id, outcome, request.type, now);
    else link.inFlight += 1;
  }

  /** Over the rate a request is refused; who goes on far beyond it is closed. */
  #withinRate(link: NativeLink, id: number, type: string, now: number): boolean {
    const { links } = this.#host;
    const overRate = link.admitRate(this.#came);
    if (overRate === undefined) return true;
    this.#reply(link, id, { error: overRate }, type, now);
    if (link.excess > links.limits.requestsBurst) {
      link.suspend("tooManyRequests", now);
      this.#end();
    }
    return false;
  }

  /** A fault of ours costs this request and nobody else. */
  #guarded(request: Request, now: number): Outcome | undefined {
    try {
      return this.#host.perform(this.#device!, request, now);
    } catch (error) {
      this.#host.ports.emit({ type: "fault", where: request.type, error });
      return { error: wireError("internal") };
    }
  }

  #reply(link: NativeLink, id: number, outcome: Outcome, type: string, now: number): void {
    if ("error" in outcome) this.#failed(type, outcome.error);
    link.inFlight += 1;
    link.reply(id, outcome, now);
  }

  #failed(request: string, { code, limit }: WireError): void {
    const { ports } = this.#host;
    ports.emit({ type: "request_failed", request, code });
    if (limit !== undefined) ports.emit({ type: "limit", limit });
  }

  #violation(reason: string, now: number): void {
    const link = this.#speaking;
    if (link === undefined) {
      // Before the welcome a client has no state that a new link would mend: it would do the same again.
      if (this.#phase !== "closed")
        this.refuse(this.#phase === "speaking" ? "protocolError" : "badHello", reason.slice(0, 120));
      return;
    }
    this.#host.ports.emit({
      type: "transport_refused",
      code: closeCodes.protocolError.code,
      reason: "protocolError",
    });
    link.transport?.close(closeCodes.protocolError.code, reason.slice(0, 120));
    link.lost(closeCodes.protocolError.code, now);
    this.#end();
  }
}

/** The identity for this device alone; undefined when it is another's. */
function narrowed(identity: Identity, { user, device }: KnownDevice): Identity | undefined {
  if (identity.user !== user || (identity.device ?? device) !== device) return undefined;
  return { ...identity, device };
}
