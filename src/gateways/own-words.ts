import type { Device } from "../signaling/device.ts";
import type { GatewayPort } from "../signaling/gateway-port.ts";
import type { GatewayMessage } from "../signaling/observer.ts";

/** Messages that wait until their call has a session. */
const mostEarly = 32;

/**
 * Tells the core's observer of the messages that a device and its gateway exchange in one call, in the gateway's protocol. What comes before the
 * call has a session waits for it. Where nobody listens, nothing is kept.
 */
export class OwnWords {
  readonly #core: GatewayPort;
  #early: GatewayMessage[] | undefined;

  constructor(core: GatewayPort) {
    this.#core = core;
  }

  /** `session`: empty while the call has none. */
  said(device: Device | undefined, session: string, message: GatewayMessage): void {
    const { observer } = this.#core.ports;
    if (observer?.gatewayMessages === undefined) return;
    if (device === undefined || session === "") {
      this.#early ??= [];
      if (this.#early.length < mostEarly) this.#early.push(message);
      return;
    }
    this.begun(device, session);
    observer.gatewayMessages(device, session, [message]);
  }

  /** The call has its session: tells what came before. */
  begun(device: Device | undefined, session: string): void {
    const early = this.#early;
    if (early === undefined || device === undefined || session === "") return;
    this.#early = undefined;
    this.#core.ports.observer?.gatewayMessages?.(device, session, early);
  }
}
