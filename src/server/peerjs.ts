import { parseGrants } from "../auth/grant-claims.ts";
import { registerGatewayMetrics } from "../gateways/gateway-metrics.ts";
import { PeerjsGateway } from "../gateways/peerjs/gateway.ts";
import { credentialsOf } from "./device-credentials.ts";
import type { Part } from "./service.ts";

const name = "peerjs";

/** The PeerJS gateway, on the server's port. */
export const peerjs: Part = {
  start: async ({ settings, core, guard, now }) => {
    const { enabled, guestGrants } = settings.peerjs;
    if (!enabled) return undefined;
    const grants = parseGrants(guestGrants);
    if (!grants.ok) throw new Error(`setting peerjs.guestGrants: ${grants.error}`);
    const credentials = credentialsOf(settings);
    const gateway = new PeerjsGateway({
      // A client can't ring before it has the offer.
      core: core.gateway({ name, asksOffers: true }),
      settings: settings.peerjs,
      now,
      uuid: () => crypto.randomUUID(),
      dev: settings.dev,
      guestGrants: grants.value,
      identify: (login, at) => credentials.find(login, at),
    });
    return {
      routes: gateway.routes(guard),
      fetch: (request) => gateway.fetch(guard, request),
      metrics: (registry) => registerGatewayMetrics(registry, name, () => gateway.numbers),
      stop: async () => gateway.stop(),
    };
  },
};
