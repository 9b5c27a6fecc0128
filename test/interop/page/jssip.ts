import JsSIP from "jssip";
import { Base, type PageEnd } from "./page-end.ts";

type JsSipSession = ReturnType<InstanceType<typeof JsSIP.UA>["call"]>;
type Originated = { readonly originator: string };

const domain = "switchboard.test";

/** JsSIP, unmodified. */
export class JsSipEnd extends Base implements PageEnd {
  #ua: InstanceType<typeof JsSIP.UA> | undefined;
  #session: JsSipSession | undefined;

  get pc() {
    return this.#session?.connection;
  }

  async start() {
    const { user, device, port } = this.options;
    const ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(`ws://localhost:${port}/sip`)],
      uri: `sip:${user}@${domain}`,
      password: `dev:${user}`,
      ...(device === undefined ? {} : { authorization_user: `${user}/${device}` }),
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 2,
    });
    this.#ua = ua;
    ua.on("newRTCSession", ({ originator, session }: Originated & { readonly session: JsSipSession }) => {
      if (originator !== "remote") return;
      this.fresh(1);
      this.#follow(session);
    });
    const registered = new Promise<void>((resolve, reject) => {
      ua.once("registered", () => resolve());
      ua.once("registrationFailed", ({ cause }) => reject(new Error(cause)));
    });
    ua.start();
    await registered;
  }

  call(to: string) {
    this.fresh(0);
    this.#follow(this.#ua!.call(`sip:${to}@${domain}`, { mediaStream: this.streamForOneCall() }));
  }

  answer() {
    this.#session!.answer({ mediaStream: this.streamForOneCall() });
  }

  decline() {
    this.#session!.terminate();
  }

  hangup() {
    this.#session!.terminate();
  }

  hold(on: boolean) {
    return this.#renegotiated((done) =>
      on ? this.#session!.hold({}, done) : this.#session!.unhold({}, done),
    );
  }

  restartIce() {
    const options = { rtcOfferConstraints: { iceRestart: true } };
    return this.#renegotiated((done) => this.#session!.renegotiate(options, done));
  }

  stop() {
    this.#ua?.stop();
  }

  async #renegotiated(ask: (done: () => void) => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#session!.on("ended", () => reject(new Error("the call ended")));
      if (!ask(resolve)) reject(new Error("not ready to renegotiate"));
    });
  }

  #follow(session: JsSipSession) {
    this.#session = session;
    const follow = () => this.sendOnNewSections(session.connection);
    if (session.connection !== undefined && session.connection !== null) follow();
    else session.on("peerconnection", follow);
    session.on("progress", ({ originator }: Originated) => {
      if (originator === "remote") this.set({ alerting: true });
    });
    session.on("confirmed", () => this.set({ connected: true }));
    session.on("hold", ({ originator }: Originated) => {
      if (originator === "remote") this.set({ held: true });
    });
    session.on("unhold", ({ originator }: Originated) => {
      if (originator === "remote") this.set({ held: false });
    });
    const over = ({ cause, message }: { readonly cause: string; readonly message?: unknown }) => {
      if (session !== this.#session) return;
      const reason = (message as { getHeader?(name: string): string } | undefined)?.getHeader?.("Reason");
      this.set({ ended: reason === undefined ? cause : `${cause}: ${reason}` });
    };
    session.on("failed", over);
    session.on("ended", over);
  }
}
