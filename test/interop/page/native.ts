import type { Call, Client, IncomingCall } from "../../../src/client/index.ts";
import { Base, type PageEnd } from "./page-end.ts";

/** The SDK, as the server gives it out. */
export class NativeEnd extends Base implements PageEnd {
  #client: Client | undefined;
  #call: Call | undefined;
  #ring: IncomingCall | undefined;

  get pc() {
    return this.#call?.pc;
  }

  async start() {
    const path = "/client.js";
    const { connect } = (await import(path)) as typeof import("../../../src/client/index.ts");
    const { user, device } = this.options;
    this.#client = connect({ token: `dev:${user}`, device: device === undefined ? {} : { id: device } });
    this.#client.on("incoming", (ring) => {
      this.fresh(1);
      this.#ring = ring;
      void ring.ended.then(({ reason }) => {
        if (reason !== "accepted" && this.#ring === ring) this.set({ ended: reason });
      });
    });
    await this.#client.ready;
  }

  call(to: string) {
    this.fresh(0);
    this.#follow(this.#client!.call(to, { media: this.stream }));
  }

  answer() {
    this.#ring!.accept({ media: this.stream }).then(
      (call) => this.#follow(call),
      // Another device was faster: the ring says so.
      () => {},
    );
  }

  decline() {
    void this.#ring!.decline();
  }

  hangup() {
    void this.#call!.hangup();
  }

  hold(on: boolean) {
    return this.#call!.hold(on);
  }

  restartIce() {
    return this.#call!.restartIce();
  }

  stop() {
    return this.#client?.close();
  }

  #follow(call: Call) {
    this.#call = call;
    call.on("change", () => {
      if (call.ringing.length > 0) this.set({ alerting: true });
    });
    call.connected.then(
      () => this.set({ connected: true }),
      () => {},
    );
    void call.ended.then(({ reason }) => {
      if (this.#call === call) this.set({ ended: reason });
    });
  }
}
