import { Type } from "typebox";
import { eventTypes, matchesEvent } from "../../events/catalog.ts";
import type { HttpProblem } from "../../net/problem.ts";
import type { OutboxEntry } from "../../records/store.ts";
import type { ApiContext, ApiWebhooks, ShownWebhook } from "../context.ts";
import { type Answer, answer, notFound, type Operation, operation } from "../operation.ts";
import { pageOf, pageQuery } from "../pages.ts";
import { closed, Time } from "./schemas.ts";

const WebhookId = Type.String({ minLength: 1, maxLength: 64, description: "The id of an endpoint." });
const oneWebhook = Type.Object({ webhook: WebhookId });
const Secret = Type.String({ description: "`whsec_…`, shown this once: Standard Webhooks 1.0.0." });

const Webhook = Type.Object({
  id: WebhookId,
  url: Type.String(),
  events: Type.Optional(Type.Array(Type.String(), { description: "All events where it is absent." })),
  created: Type.Optional(Time("When it was made.")),
  fixed: Type.Boolean({ description: "It stands in the setting `webhooks`: this API can't change it." }),
  disabled: Type.Boolean({ description: "Nothing is sent, for it has answered 410. A retry begins again." }),
});

const Delivery = Type.Object({
  id: Type.String({ description: "`webhook-id`." }),
  type: Type.String(),
  created: Time("When the event happened."),
  attempts: Type.Integer(),
  due: Type.Optional(Time("When it is tried next.")),
  dead: Type.Boolean({ description: "It was given up: only a retry sends it again." }),
  failure: Type.Optional(Type.String({ description: "Why the last attempt failed." })),
});

const partial = Type.Optional(
  Type.Array(Type.String(), { description: "Nodes that did not answer within a second." }),
);
const none: HttpProblem = {
  ...{ status: 409, code: "not_configured" },
  detail: "The setting records.enabled is false: this server makes no events.",
};
const unreadable: HttpProblem = {
  ...{ status: 503, code: "temporary" },
  detail: "The store can't be read. The server's log says why.",
};
const fixedEndpoint: HttpProblem = {
  ...{ status: 409, code: "conflict" },
  detail: "This endpoint stands in the setting webhooks: change it there.",
};
const [day, longestOverlap] = [86_400, 7 * 86_400];

/** Endpoints that events are sent to, and what became of the events. */
export function webhookOperations(context: ApiContext): Operation[] {
  const { wall, now } = context;
  const served = async (
    use: (webhooks: ApiWebhooks) => Answer | HttpProblem | Promise<Answer | HttpProblem>,
  ): Promise<Answer | HttpProblem> => {
    const webhooks = context.webhooks();
    return webhooks === undefined ? none : await use(webhooks);
  };
  const withOne = (
    id: string,
    use: (webhooks: ApiWebhooks, endpoint: ShownWebhook) => Promise<Answer | HttpProblem>,
  ): Promise<Answer | HttpProblem> =>
    served(async (webhooks) => {
      const endpoint = webhooks.list().find((one) => one.id === id);
      return endpoint === undefined ? notFound("webhook") : await use(webhooks, endpoint);
    });
  const shown = ({ id, type, createdAt, attempts, dueAt, dead, failure }: OutboxEntry): object => ({
    ...{ id, type, created: createdAt + wall() - now(), attempts, dead: dead === true },
    ...(dead ? {} : { due: Math.round(dueAt + wall() - now()) }),
    ...(failure === undefined ? {} : { failure }),
  });
  return [
    operation({
      ...{ id: "listWebhooks", method: "GET", path: "/webhooks", tag: "Webhooks", scope: "webhooks:read" },
      ...{ summary: "Where events are sent", refuses: [409] },
      answers: { 200: { description: "The endpoints.", schema: pageOf(Webhook) } },
      perform: () => served((webhooks) => answer({ items: webhooks.list() })),
    }),
    operation({
      ...{ id: "createWebhook", method: "POST", path: "/webhooks", tag: "Webhooks", scope: "webhooks:write" },
      ...{ summary: "Sends events to a URL from now on, from all nodes", secret: true, refuses: [409] },
      description:
        "By https, or by http to this machine in development mode and to addresses of `webhookAllow`. Private addresses are refused when the event is sent: `GET /webhooks/{webhook}/deliveries` says so.",
      body: Type.Object(
        {
          url: Type.String({ minLength: 1, maxLength: 2_048 }),
          events: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
              ...{ minItems: 1, maxItems: 64 },
              description: "Names and families such as `session.*`; all where it is absent.",
            }),
          ),
        },
        closed,
      ),
      answers: {
        201: { description: "The endpoint.", schema: Type.Object({ id: WebhookId, secret: Secret }) },
      },
      perform: ({ body: { url, events } }) =>
        served(async (webhooks) => {
          if (!isUrl(url)) return badRequest("url", "must be an http: or https: URL without a password.");
          const unknown = events?.find((one) => !eventTypes.some((type) => matchesEvent(one, type)));
          if (unknown !== undefined) return badRequest("events", `there is no event ${unknown}.`);
          const made = await webhooks.create(url, events);
          return "failure" in made
            ? { status: 409, code: "conflict", detail: made.failure }
            : { status: 201, body: made };
        }),
    }),
    operation({
      ...{ id: "deleteWebhook", method: "DELETE", path: "/webhooks/{webhook}", tag: "Webhooks" },
      ...{ scope: "webhooks:write", refuses: [404, 409], params: oneWebhook },
      summary: "Sends nothing more to an endpoint, and forgets what waits for it",
      answers: { 204: { description: "It is gone." } },
      perform: ({ params }) =>
        withOne(params.webhook, async (webhooks, { id, fixed }) => {
          if (fixed) return fixedEndpoint;
          return (await webhooks.remove(id)) ? { status: 204 } : notFound("webhook");
        }),
    }),
    operation({
      ...{ id: "rotateWebhook", method: "POST", path: "/webhooks/{webhook}/rotate", tag: "Webhooks" },
      ...{ scope: "webhooks:write", refuses: [404, 409], secret: true, params: oneWebhook },
      summary: "Makes a new secret; the former one signs as well for a while",
      body: Type.Object(
        {
          overlap: Type.Optional(
            Type.Integer({ minimum: 0, maximum: longestOverlap, default: day, description: "Seconds." }),
          ),
        },
        closed,
      ),
      answers: { 200: { description: "The secret.", schema: Type.Object({ secret: Secret }) } },
      perform: ({ params, body: { overlap = day } }) =>
        withOne(params.webhook, async (webhooks, { id, fixed }) => {
          if (fixed) return fixedEndpoint;
          const rotated = await webhooks.rotate(id, overlap * 1_000);
          return rotated === undefined ? notFound("webhook") : answer(rotated);
        }),
    }),
    operation({
      ...{ id: "listDeliveries", method: "GET", path: "/webhooks/{webhook}/deliveries", tag: "Webhooks" },
      ...{ scope: "webhooks:read", refuses: [404, 409, 503], params: oneWebhook },
      summary: "Events that an endpoint has not taken yet, or never took, the oldest first",
      query: Type.Object(
        {
          limit: pageQuery.limit,
          dead: Type.Optional(Type.Boolean({ description: "Those that were given up instead." })),
        },
        closed,
      ),
      answers: { 200: { description: "The events.", schema: pageOf(Delivery) } },
      over: {
        kind: "all",
        gather: (
          those: readonly { readonly items: readonly { readonly created: number }[] }[],
          _silent,
          { query: { limit = 100 } },
        ) => {
          const items = those.flatMap((one) => one.items);
          return { items: items.sort((one, other) => one.created - other.created).slice(0, limit) };
        },
      },
      perform: ({ params, query: { limit = 100, dead = false } }) =>
        withOne(params.webhook, (webhooks, { url }) =>
          webhooks.deliveries(url, dead, limit).then(
            (entries) => answer({ items: entries.map(shown) }),
            () => unreadable,
          ),
        ),
    }),
    operation({
      ...{ id: "retryDeliveries", method: "POST", path: "/webhooks/{webhook}/retry", tag: "Webhooks" },
      ...{ scope: "webhooks:write", refuses: [404, 409, 503], params: oneWebhook },
      summary: "Sends events again that were given up: one, or those of a range of time",
      description: "At most 10,000 of each node at a time.",
      body: Type.Object(
        {
          delivery: Type.Optional(
            Type.String({ minLength: 1, maxLength: 128, description: "The id of one." }),
          ),
          from: Type.Optional(Time("Happened at or after this.")),
          to: Type.Optional(Time("Happened before this.")),
        },
        closed,
      ),
      answers: {
        200: {
          description: "They are sent again.",
          schema: Type.Object({ deliveries: Type.Integer({ description: "How many." }), partial }),
        },
      },
      over: {
        kind: "all",
        gather: (those: readonly { readonly deliveries: number }[]) => ({
          deliveries: those.reduce((sum, { deliveries }) => sum + deliveries, 0),
        }),
      },
      perform: ({ params, body: { delivery, from = 0, to = Number.POSITIVE_INFINITY } }) =>
        withOne(params.webhook, (webhooks, { url }) => {
          const ahead = wall() - now();
          const isWanted = ({ id, createdAt }: OutboxEntry): boolean =>
            (delivery === undefined || id === delivery) &&
            createdAt + ahead >= from &&
            createdAt + ahead < to;
          return webhooks.retry(url, isWanted).then(
            (deliveries) => answer({ deliveries }),
            () => unreadable,
          );
        }),
    }),
  ];
}

function isUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hostname } = new URL(text);
  return /^https?:$/.test(protocol) && username === "" && password === "" && hostname !== "";
}

function badRequest(field: string, why: string): HttpProblem {
  return { status: 400, code: "bad_request", detail: `${field}: ${why}`, more: { field } };
}
