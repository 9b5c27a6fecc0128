import { parseGrants } from "../auth/grant-claims.ts";
import type { Settings } from "../config/schema.ts";
import { registerGatewayMetrics } from "../gateways/gateway-metrics.ts";
import { XmppGateway } from "../gateways/xmpp/gateway.ts";
import { saslCrypto } from "../net/sasl-crypto.ts";
import { packageVersion } from "../package-info.ts";
import type { Logger } from "../telemetry/log.ts";
import { credentialsOf } from "./device-credentials.ts";
import type { Part } from "./service.ts";

const name = "xmpp";

/** Joins the XMPP server of the settings as a component, if they name one. */
function joinServer(settings: Settings["xmpp"]["component"], gateway: XmppGateway, log: Logger): void {
  const { server, domain, secret, users } = settings;
  if (server === "") return;
  const grants = parseGrants(settings.grants);
  if (!grants.ok) throw new Error(`setting xmpp.component.grants: ${grants.error}`);
  const colon = server.lastIndexOf(":");
  const [host, port] = [server.slice(0, colon).replace(/^\[|\]$/g, ""), Number(server.slice(colon + 1))];
  const above = domain.slice(domain.indexOf(".") + 1);
  const domains = settings.domains.length > 0 ? settings.domains : [above];
  gateway.join({ host, port, domain, secret, domains, users, grants: grants.value }, (what, reason) => {
    if (what === "joined") log.info({ server, domain }, "joined the XMPP server");
    else if (what === "lost") log.warn({ server }, "lost the XMPP server");
    else log.warn({ server, reason }, "can't reach the XMPP server");
  });
}

/** The XMPP gateway, on the server's port. */
export const xmpp: Part = {
  start: async ({ settings, core, guard, now, log }) => {
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
    joinServer(settings.xmpp.component, gateway, log);
    return {
      routes: [gateway.route(guard)],
      fetch: (request, _client, path) => gateway.fetch(request, path),
      metrics: (registry) => registerGatewayMetrics(registry, name, () => gateway.numbers),
      stop: async () => gateway.stop(),
    };
  },
};
