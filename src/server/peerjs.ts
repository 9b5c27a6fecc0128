import { parseGrants } from "../auth/grant-claims.ts";
import { registerGatewayMetrics } from "../gateways/gateway-metrics.ts";
import { PeerjsGateway } from "../gateways/peerjs/gateway.ts";
import type { PeerjsEvents } from "../gateways/peerjs/listener.ts";
import { credentialsOf } from "./device-credentials.ts";
import type { CoreContext, Part, Service } from "./service.ts";

const name = "peerjs";

/** What a program that has the gateway in it hears and decides. */
export interface PeerjsListener {
  readonly events?: PeerjsEvents;
  /** An id for a client that asks for one. */
  readonly newId?: () => string;
}

/** The PeerJS gateway, on the server's port. */
export const peerjs = peerjsPart();

/** The same for a program that listens to it. */
export function peerjsPart({ events, newId = () => crypto.randomUUID() }: PeerjsListener = {}): Part {
  return { start: (context) => start(context, { events, newId }) };
}

async function start(
  { settings, core, guard, now }: CoreContext,
  { events, newId }: { readonly events: PeerjsEvents | undefined; readonly newId: () => string },
): Promise<Service | undefined> {
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
    uuid: newId,
    events,
    dev: settings.dev,
    guestGrants: grants.value,
    identify: (login, at) => credentials.find(login, at),
  });
  return {
    routes: gateway.routes(guard),
    fetch: (request, _client, path) => gateway.fetch(guard, request, path),
    metrics: (registry) => registerGatewayMetrics(registry, name, () => gateway.numbers),
    stop: async () => gateway.stop(),
  };
}
