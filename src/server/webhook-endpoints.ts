import { Type } from "typebox";
import type { ApiWebhooks, ShownWebhook } from "../api/context.ts";
import { every } from "../net/clock.ts";
import { random, sha256 } from "../net/crypto.ts";
import { webhookKey } from "../net/standard-webhooks.ts";
import { areEndpoints, EndpointList, KeptEndpoint, keysOf } from "../webhooks/endpoint-list.ts";
import type { Endpoint, Webhooks } from "../webhooks/webhooks.ts";
import type { CoreContext } from "./service.ts";
import { readState, stateFolder, writeState } from "./state-folder.ts";

const fileName = "webhooks.json";
/** How often the lists of other nodes are asked for. ms */
const syncEvery = 60_000;

/** What is told to every node, and what each answers: its own list. */
const question = {
  name: "webhooks",
  argument: Type.Object({ entries: Type.Array(KeptEndpoint) }),
  answer: Type.Object({ entries: Type.Array(KeptEndpoint) }),
} as const;

/** The endpoints of this node: those of the settings, and those that were made by the API at any node. */
export interface WebhookEndpoints {
  readonly api: ApiWebhooks;
  stop(): void;
}

/** Takes the endpoints into use. They are kept in the state folder (mode 0600, with their secrets), and nodes tell each other of them. */
export async function startEndpoints(
  { settings, core, log, now }: CoreContext,
  webhooks: Webhooks,
): Promise<WebhookEndpoints> {
  const folder = stateFolder(settings.stateFolder);
  const list = new EndpointList();
  const fixed = settings.webhooks.map(({ url, secret, events }): Endpoint => {
    const keys = [secret].flat().flatMap((one) => webhookKey(one) ?? []);
    return { url, keys: () => keys, events };
  });
  const isFixed = (url: string): boolean => fixed.some((one) => one.url === url);
  const use = (): Promise<void> => {
    const made = list.live().filter(({ url }) => !isFixed(url));
    const keys = (id: string): Uint8Array[] => {
      const entry = list.get(id);
      return entry === undefined ? [] : keysOf(entry, now());
    };
    return webhooks.use([
      ...fixed,
      ...made.map(({ id, url, events }): Endpoint => ({ url, keys: () => keys(id), events })),
    ]);
  };
  const failed = (error: unknown): void =>
    log.error({ err: error }, "webhook endpoints can't be kept in the state folder");
  const take = async (entries: readonly KeptEndpoint[]): Promise<void> => {
    if (!list.merge(entries, now())) return;
    try {
      writeState(folder, fileName, `${JSON.stringify(list.all(now()))}\n`);
    } catch (error) {
      failed(error);
    }
    await use();
  };
  const ask = async (entries: KeptEndpoint[]): Promise<void> => {
    const { answers } = await core.survey.ask(question, { entries }, { others: true });
    await take([...answers.values()].flatMap((one) => one.entries));
  };
  core.survey.answers(question, async ({ entries }) => {
    await take(entries);
    return { entries: list.all(now()) };
  });
  try {
    list.merge(load(folder), now());
  } catch (error) {
    failed(error);
  }
  await use();
  const sync = (): void => void ask([]);
  sync();
  const stop = every(syncEvery, sync);
  const change = async (entry: KeptEndpoint): Promise<void> => {
    await take([entry]);
    await ask([entry]);
  };
  const newSecret = (): string => `whsec_${Buffer.from(random(32), "base64url").toString("base64")}`;
  return {
    stop,
    api: {
      list: () => [
        ...settings.webhooks.map(({ url, events }) =>
          shown({ id: fixedId(url), url, events }, true, webhooks),
        ),
        ...list.live().map((entry) => shown(entry, false, webhooks)),
      ],
      create: async (url, events) => {
        if (isFixed(url) || list.live().some((one) => one.url === url))
          return { failure: "There is an endpoint with this URL already." };
        if (list.full) return { failure: "There are 64 endpoints already: delete one." };
        const [id, secret, at] = [`wh_${random(9)}`, newSecret(), now()];
        const named = events === undefined ? {} : { events: [...events] };
        await change({ id, url, ...named, secrets: [{ secret }], created: at, changed: at });
        return { id, secret };
      },
      remove: async (id) => {
        const gone = list.remove(id, now());
        if (gone !== undefined) await change(gone);
        return gone !== undefined;
      },
      rotate: async (id, overlap) => {
        const secret = newSecret();
        const rotated = list.rotate(id, secret, overlap, now());
        if (rotated === undefined) return undefined;
        await change(rotated);
        return { secret };
      },
      deliveries: (url, dead, limit) => webhooks.deliveries(url, dead, limit),
      retry: (url, wanted) => webhooks.retry(url, wanted),
    },
  };
}

function shown(
  {
    id,
    url,
    events,
    created,
  }: Pick<ShownWebhook, "id" | "url"> & { events?: readonly string[] | undefined; created?: number },
  fixed: boolean,
  webhooks: Webhooks,
): ShownWebhook {
  return {
    ...{ id, url, fixed, disabled: webhooks.isDisabled(url) },
    ...(events === undefined ? {} : { events }),
    ...(created === undefined ? {} : { created }),
  };
}

/** The same at every node that has the setting. */
function fixedId(url: string): string {
  return `wh_${sha256(url).slice(0, 12)}`;
}

/** Throws where the file can't be read, or is no list of endpoints. */
function load(folder: string): readonly KeptEndpoint[] {
  const text = readState(folder, fileName);
  if (text === undefined) return [];
  const kept: unknown = JSON.parse(text);
  if (!areEndpoints(kept)) throw new Error(`${fileName} is no list of endpoints`);
  return kept;
}
