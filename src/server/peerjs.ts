import { Type } from "typebox";
import { parseGrants } from "../auth/grant-claims.ts";
import { registerGatewayMetrics } from "../gateways/gateway-metrics.ts";
import { PeerjsGateway } from "../gateways/peerjs/gateway.ts";
import type { PeerjsEvents } from "../gateways/peerjs/listener.ts";
import type { Survey, SurveyQuestion } from "../signaling/survey.ts";
import { credentialsOf } from "./device-credentials.ts";
import type { CoreContext, Part, Service } from "./service.ts";

const name = "peerjs";

/** Whose a client is at a node: a guest's id belongs to the token that it first came with, at every node. */
const ownerQuestion = {
  name: "peerjs owner",
  argument: Type.Object({ user: Type.String(), device: Type.String() }),
  answer: Type.Object({ owner: Type.Optional(Type.String()) }),
} satisfies SurveyQuestion;

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
    ownersElsewhere: (user, device) => ownersElsewhere(core.survey, user, device),
  });
  core.survey.answers(ownerQuestion, ({ user, device }) => {
    const owner = gateway.ownerOf(user, device);
    return owner === undefined ? {} : { owner };
  });
  return {
    routes: gateway.routes(guard),
    fetch: (request, _client, path) => gateway.fetch(guard, request, path),
    metrics: (registry) => registerGatewayMetrics(registry, name, () => gateway.numbers),
    stop: async () => gateway.stop(),
  };
}

async function ownersElsewhere(survey: Survey, user: string, device: string): Promise<string[]> {
  const { answers } = await survey.ask(ownerQuestion, { user, device }, { others: true });
  return [...new Set([...answers.values()].flatMap(({ owner }) => owner ?? []))];
}
