import type { ApiContext } from "../api/context.ts";
import { answerFrames } from "../api/frame-stream.ts";
import { openApiDocument } from "../api/openapi.ts";
import type { Caller } from "../api/operation.ts";
import { allOperations } from "../api/operations/all.ts";
import { ApiRouter, apiPath } from "../api/router.ts";
import { roles } from "../api/scopes.ts";
import { deriveSecret } from "../auth/credential-verifiers.ts";
import { signToken } from "../auth/sign-token.ts";
import { shownSettings } from "../config/shown-settings.ts";
import { events } from "../events/catalog.ts";
import { hookDocuments } from "../hooks/document.ts";
import { wallAhead } from "../net/clock.ts";
import { random, sha256 } from "../net/crypto.ts";
import type { HttpProblem } from "../net/problem.ts";
import { packageVersion } from "../package-info.ts";
import { FollowedUsers } from "../records/followed-users.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import { Administration } from "../signaling/administration.ts";
import { type ApiKey, apiKeyPrefix, apiKeys } from "./api-keys.ts";
import { startHistory } from "./history.ts";
import { keptIdempotency } from "./idempotency-file.ts";
import { addKey, KeyFile, listKeys, revokeKeys } from "./key-file.ts";
import { startOpenedRooms } from "./opened-rooms.ts";
import { publishableKeys } from "./publishable-keys.ts";
import type { CoreContext, Part } from "./service.ts";
import { stateFolder } from "./state-folder.ts";

/** What the server sends to the application: hooks and webhooks. */
const outgoing = {
  ...hookDocuments,
  ...Object.fromEntries(
    Object.entries(events).map(([type, { description, data }]) => [type, { summary: description, data }]),
  ),
};

/** What development mode takes as a key, from this machine and this server's own pages. */
const developmentKey = "dev:admin";

/**
 * The HTTP API of the application side: on `admin.port`, else on the main port once there is a key. In development mode on the main
 * port, with the key `dev:admin`.
 */
export const api: Part = {
  start: async (context) => {
    const { settings, log, now } = context;
    const folder = stateFolder(settings.stateFolder);
    const keys = new KeyFile(apiKeys, folder, (reason) =>
      log.error({ reason }, "API keys can't be read: none is valid"),
    );
    const wall = (): number => now() + wallAhead();
    const history = startHistory(context);
    const rooms = startOpenedRooms(context);
    const followed = new FollowedUsers(() => random(6));
    answerFrames(context.core.survey, context.node, followed, now);
    const router = new ApiRouter(allOperations(apiContext(context, folder, wall, history.since, rooms)), {
      survey: context.core.survey,
      authenticate: (request) => authenticate(request, keys, settings.dev, wall()),
      idempotency: keptIdempotency(folder, wall, (error) =>
        log.error({ err: error }, "requests of the API can't be kept in the state folder"),
      ),
      wall,
      hash: sha256,
      fault: context.fault,
      audit: (entry) => {
        log.info(entry, "api");
        const { key: actor, operation: act, path: subject, status } = entry;
        context.records()?.audit({ at: wall(), actor, act, subject, detail: `${status}` });
      },
    });
    let document: string | undefined;
    const asksApi = (path: string): boolean => path === apiPath || path.startsWith(`${apiPath}/`);
    const answer = (request: Request, path: string): Promise<Response> | Response => {
      if (path !== `${apiPath}/openapi.json` || request.method !== "GET") return router.fetch(request);
      document ??= `${JSON.stringify(openApiDocument(router.operations, packageVersion, outgoing), null, 2)}\n`;
      return new Response(document, { headers: { "Content-Type": "application/json" } });
    };
    const onMainPort = (): boolean => settings.dev || (settings.admin.port === 0 && keys.size > 0);
    return {
      fetch: (request, _client, path) => (asksApi(path) && onMainPort() ? answer(request, path) : undefined),
      fetchAdmin: (request, _client, path) => (asksApi(path) ? answer(request, path) : undefined),
      observer: followed,
      heard: (event) => {
        history.heard(event);
        followed.heard(event, now());
      },
      stop: async () => {
        history.stop();
        rooms.stop();
      },
    };
  },
};

function apiContext(
  context: CoreContext,
  folder: string,
  wall: () => number,
  history: ApiContext["history"],
  rooms: ApiContext["rooms"],
): ApiContext {
  const { core, node, now, settings, guestKeys, requestDrain } = context;
  const { tokens, credentials } = settings;
  return {
    ...{ node, version: packageVersion, development: settings.dev, now, wall, history, rooms },
    administration: new Administration(core.core, node),
    streams: context.streams(),
    ...{
      records: context.records,
      eventLog: context.eventLog,
      webhooks: context.webhooks,
      survey: core.survey,
    },
    stats: () => core.stats(),
    kick: (user, device) => core.core.kick(user, device, now()),
    tellKick: (user, device) => core.tellKick(user, device),
    push: context.pushes,
    settings: () => shownSettings(settings).map((one) => ({ ...one, given: settings.given.has(one.path) })),
    drain: requestDrain,
    get draining() {
      return core.draining;
    },
    signToken: (claims) => {
      if (tokens.secret !== "") return signToken(claims, tokens, wall());
      return settings.dev ? Promise.resolve(`dev:${claims.user}`) : undefined;
    },
    deviceSecret: (login) => {
      if (credentials.key === "") return undefined;
      const version = credentials.versions.find((one) => one.login === login)?.version ?? 1;
      return deriveSecret(credentials.key, login, version);
    },
    keys: {
      list: () => listKeys(apiKeys, folder).map(({ hash: _, ...shown }) => shown),
      add: (own) => {
        const { key, kept } = addKey(apiKeys, folder, own, wall());
        return { key, id: kept.id };
      },
      revoke: (id) => revokeKeys(apiKeys, folder, (key) => key.id === id) > 0,
    },
    publishableKeys: {
      list: () => listKeys(publishableKeys, folder).map(({ hash: _, ...shown }) => shown),
      add: (own) => {
        const { key, kept } = addKey(publishableKeys, folder, own, wall());
        return { key, id: kept.id };
      },
      revoke: (id) => guestKeys.revoke(id),
    },
  };
}

function authenticate(
  request: Request,
  keys: KeyFile<ApiKey>,
  development: boolean,
  wall: number,
): Result<Caller, HttpProblem> {
  const given = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (given === undefined) return fail(unauthorized("Send an API key as `Authorization: Bearer KEY`."));
  if (development && given === developmentKey) {
    const foreign = foreignOrigin(request);
    return foreign === undefined
      ? ok({ key: developmentKey, scopes: roles.administer })
      : fail({
          status: 403,
          code: "forbidden",
          detail: `Pages of ${foreign} may not use ${developmentKey}.`,
        });
  }
  const key = given.startsWith(apiKeyPrefix) ? keys.find(given) : undefined;
  if (key === undefined || (key.expires !== undefined && key.expires <= wall))
    return fail(unauthorized("The key is unknown, was revoked, or has ended."));
  return ok({ key: key.id, scopes: key.scopes });
}

function unauthorized(detail: string): HttpProblem {
  return { status: 401, code: "unauthorized", detail, headers: { "WWW-Authenticate": "Bearer" } };
}

/** The origin of a page that is not this server's: it must not use a key that everybody knows. */
function foreignOrigin(request: Request): string | undefined {
  const origin = request.headers.get("origin");
  if (origin === null) return undefined;
  const host = request.headers.get("host");
  return origin === `http://${host}` || origin === `https://${host}` ? undefined : origin;
}
