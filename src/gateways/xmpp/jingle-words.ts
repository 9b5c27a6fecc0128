import type { Device } from "../../signaling/device.ts";
import type { GatewayPort } from "../../signaling/gateway-port.ts";
import { OwnWords } from "../own-words.ts";
import type { JingleWords } from "./jingle/ports.ts";

/** Tells the core's observer what a client and the gateway say to each other in one call. */
export function jingleWords(core: GatewayPort, device: () => Device | undefined): JingleWords {
  const words = new OwnWords(core);
  return {
    said: (session, word, isIncoming) =>
      words.said(device(), session, { gateway: "xmpp", at: core.ports.now(), isIncoming, word }),
    begun: (session) => words.begun(device(), session),
  };
}
