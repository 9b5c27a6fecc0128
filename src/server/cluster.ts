import { readFileSync } from "node:fs";
import { registerBackplaneMetrics } from "../backplane/metrics.ts";
import type { NatsCounts } from "../backplane/nats.ts";
import type { NatsIdentity, NatsServer } from "../backplane/nats-dial.ts";
import { parseNatsUrl } from "../backplane/nats-url.ts";
import type { Backplane } from "../cluster/backplane.ts";
import type { Settings } from "../config/schema.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Part, Service } from "./service.ts";

/** NATS, as the server sees it. */
export interface JoinedCluster {
  readonly backplane: Backplane;
  counts(): NatsCounts;
  /**
   * Resolves when the backplane is up, or after a moment: a server starts without it as well. Rejects with an Error of one
   * line where another node has this one's name.
   */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** What joins this node to others. It is up, if it can be, before the core says anything: else the core would be taken for the next run of another node of its name. */
export const cluster: Part = {
  beforeCore: async ({ settings, node, log, fault }) => {
    const joined = await joinCluster(settings, node, log, fault);
    if (joined === undefined) return alone;
    const { backplane } = joined;
    await joined.settled().catch(async (error: unknown) => {
      await joined.close();
      throw error;
    });
    return {
      backplane,
      metrics: (registry) => registerBackplaneMetrics(registry, backplane, joined.counts),
      health: () => ({ name: "backplane", state: backplane.state, ok: backplane.state === "up" }),
      stop: joined.close,
    };
  },
};

/** A node without others shows that it is one. */
const alone: Service = {
  health: () => ({ name: "backplane", state: "none", ok: true }),
  stop: async () => {},
};

/** How long a start waits for NATS. ms */
const patience = 2_000;

/** What is wrong when a node finds another one of its name. */
const twin = (node: string): string =>
  `setting node: another node of the cluster is named "${node}"; give each its own NODE_ID`;

/** Begins to join what the settings name; undefined where they name nothing. Rejects with an Error of one line where a file can't be read. */
export async function joinCluster(
  { nats }: Settings,
  node: string,
  log: Logger,
  fault: (where: string, error: unknown) => void,
): Promise<JoinedCluster | undefined> {
  if (nats.url.length === 0) return undefined;
  const identity = (): NatsIdentity => identityOf(nats, node);
  // A file that is missing now is a mistake; later, another attempt will find it.
  identity();
  const servers = nats.url.map((url) => parseNatsUrl(url) as NatsServer);
  // A node without others does not read the client of NATS.
  const { NatsBackplane } = await import("../backplane/nats.ts");
  const backplane = new NatsBackplane({ servers, identity, prefix: nats.prefix, node, log, fault });
  return {
    backplane,
    counts: () => backplane.counts(),
    settled: async () => {
      await backplane.settled(patience);
      if (backplane.nameTaken) throw new Error(twin(node));
    },
    close: () => backplane.close(),
  };
}

/** Read at each attempt: who renews a certificate or credentials replaces the files. */
function identityOf({ creds, nkey, tls }: Settings["nats"], name: string): NatsIdentity {
  const files = Object.entries(tls).filter(([, path]) => path !== "");
  const pems = files.map(([part, path]) => [part, read(`nats.tls.${part}`, path)]);
  return {
    name,
    ...(creds !== "" && { creds: read("nats.creds", creds) }),
    ...(nkey !== "" && { nkey: read("nats.nkey", nkey).trim() }),
    ...(pems.length > 0 && { tls: Object.fromEntries(pems) }),
  };
}

function read(setting: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`setting ${setting}: ${(error as Error).message}`);
  }
}
