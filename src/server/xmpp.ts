import { registerGatewayMetrics } from "../gateways/gateway-metrics.ts";
import { XmppGateway } from "../gateways/xmpp/gateway.ts";
import { saslCrypto } from "../net/sasl-crypto.ts";
import { packageVersion } from "../package-info.ts";
import { credentialsOf } from "./device-credentials.ts";
import type { Part } from "./service.ts";

const name = "xmpp";

/** The XMPP gateway, on the server's port. */
export const xmpp: Part = {
  start: async ({ settings, core, guard, now }) => {
    if (!settings.xmpp.enabled) return undefined;
    const credentials = credentialsOf(settings);
    const { key, stored } = settings.credentials;
    const gateway = new XmppGateway({
      // A client can't ring before it has the offer.
      core: core.gateway({ name, asksOffers: true }),
      settings: settings.xmpp,
      crypto: saslCrypto,
      version: packageVersion,
      secrets: settings.dev || key !== "" || stored.length > 0,
      now,
      identify: (login, at) => credentials.find(login, at),
    });
    return {
      routes: [gateway.route(guard)],
      fetch: (request) => gateway.fetch(request),
      metrics: (registry) => registerGatewayMetrics(registry, name, () => gateway.numbers),
      stop: async () => gateway.stop(),
    };
  },
};
