import { Type } from "typebox";
import { guestTokensPath } from "../api/guest-tokens.ts";
import { addressGroup } from "../net/client-address.ts";
import { wallAhead } from "../net/clock.ts";
import type { Client } from "../net/http-server.ts";
import { type HttpProblem, problemResponse } from "../net/problem.ts";
import { TokenBuckets } from "../shared/token-bucket.ts";
import type { SurveyQuestion } from "../signaling/survey.ts";
import { guestsOf, guestToken } from "./guest-token.ts";
import type { PublishableKey } from "./publishable-keys.ts";
import type { CoreContext, Part } from "./service.ts";

/** Addresses, and keys, whose rate is remembered. */
const remembered = 100_000;

/** Every node is told of a key that was revoked. */
const question = {
  name: "publishable key revoked",
  argument: Type.Object({ key: Type.String({ maxLength: 64 }) }),
  answer: Type.Object({}),
} satisfies SurveyQuestion;

/** Gives tokens to guests: pages of other sites ask for them with a publishable key, always on the main port. */
export const guestTokens: Part = {
  start: async (context) => {
    const { core, guestKeys, now } = context;
    const stopWatching = cutRevoked(context);
    const { seal } = core.core.ports;
    /** By the rate of the key: a bucket knows one rate. */
    const rates = new Map<number, TokenBuckets>();
    const taken = (name: string, perMinute: number): number | undefined => {
      let buckets = rates.get(perMinute);
      if (buckets === undefined) {
        buckets = new TokenBuckets(perMinute / 60, Math.max(1, perMinute), remembered);
        rates.set(perMinute, buckets);
      }
      return buckets.take(name, now()) ? undefined : buckets.retryAfter(name, now());
    };
    const refuse = (key: PublishableKey, client: Client): HttpProblem | undefined => {
      const address = `${key.id} ${addressGroup(client.address)}`;
      const wait = taken(address, key.perAddress) ?? taken(key.id, key.perMinute);
      if (wait === undefined) return undefined;
      const headers = { "Retry-After": `${Math.max(1, Math.ceil(wait / 1_000))}` };
      return { status: 429, code: "rate_limited", detail: "Too many guests ask for tokens.", headers };
    };
    const serve = (request: Request, client: Client, origin: string): Response => {
      const text = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
      const key = text === undefined ? undefined : guestKeys.find(text);
      if (key === undefined)
        return problemResponse({
          ...{ status: 401, code: "unauthorized", headers: { "WWW-Authenticate": "Bearer" } },
          detail: "Send a publishable key that is valid as `Authorization: Bearer KEY`.",
        });
      if (!guestKeys.allows(key, origin))
        return problemResponse({
          status: 403,
          code: "forbidden",
          detail: `The key is not for pages of ${origin}.`,
        });
      const refusal = refuse(key, client);
      if (refusal !== undefined) return problemResponse(refusal);
      const made = guestToken(key, now() + wallAhead(), seal);
      return Response.json({ ...made, target: key.target }, { status: 201 });
    };
    const answer = (request: Request, client: Client): Response => {
      const origin = request.headers.get("origin");
      if (origin === null || !guestKeys.allowsOrigin(origin))
        return problemResponse({
          ...{ status: 403, code: "forbidden" },
          detail: "No publishable key is for pages of this origin.",
        });
      const response =
        request.method === "OPTIONS"
          ? preflight()
          : request.method === "POST"
            ? serve(request, client, origin)
            : problemResponse({
                ...{ status: 405, code: "method_not_allowed", headers: { Allow: "POST, OPTIONS" } },
                detail: "This path takes POST.",
              });
      response.headers.set("Access-Control-Allow-Origin", origin);
      response.headers.set("Access-Control-Expose-Headers", "Retry-After");
      response.headers.set("Vary", "Origin");
      response.headers.set("Cache-Control", "no-store");
      return response;
    };
    return {
      fetch: (request, client, path) => (path === guestTokensPath ? answer(request, client) : undefined),
      stop: async () => stopWatching(),
    };
  },
};

/** Ends the links of guests whose key was revoked, here and at all other nodes. Those forget their copies of the key. */
function cutRevoked({ core, guestKeys, now, fault }: CoreContext): () => void {
  const cut = (key: string): void => {
    const name = guestsOf(key);
    const guests = new Set<string>();
    for (const { user, guest, node } of core.core.directory.all())
      if (guest && node === undefined && user.startsWith(name)) guests.add(user);
    for (const user of guests) core.kick(user, undefined, now());
  };
  core.survey.answers(question, ({ key }) => {
    try {
      guestKeys.revoke(key);
    } catch (error) {
      fault("guest-tokens", error);
    }
    cut(key);
    return {};
  });
  return guestKeys.watch((key) => {
    cut(key);
    void core.survey.ask(question, { key }, { others: true });
  });
}

function preflight(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "Access-Control-Allow-Methods": "POST",
      "Access-Control-Allow-Headers": "Authorization, Content-Type",
      "Access-Control-Max-Age": "600",
    },
  });
}
