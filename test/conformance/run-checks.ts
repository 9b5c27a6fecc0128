import { readFileSync } from "node:fs";
import { Compile } from "typebox/compile";
import type { Limits } from "../../src/protocol/limits.ts";
import { defaultLimits } from "../../src/protocol/limits.ts";
import { type Check, Context } from "./check.ts";
import { allChecks } from "./checks/all.ts";
import type { Frame } from "./client.ts";
import type { TokenSource } from "./token-source.ts";

export interface RunOptions {
  readonly url: string;
  readonly tokens: TokenSource;
  /** Whether the server is in development mode. */
  readonly dev: boolean;
  /** Limits of the server that `welcome` does not tell; the documented defaults otherwise. */
  readonly limits?: Partial<Limits>;
  /** Checks that would take longer are skipped, ms. */
  readonly longest: number;
  /** Only checks whose rule or title holds this text. */
  readonly only?: string;
  /** Checks at a time. */
  readonly parallel: number;
}

export interface Outcome {
  readonly rule: string;
  readonly title: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped. */
  readonly reason?: string;
  readonly ms: number;
}

/** Runs the checks against a server; resolves to what became of each, in their order. */
export async function runChecks(options: RunOptions): Promise<Outcome[]> {
  const limits = await learnLimits(options);
  const chosen = allChecks.filter(
    ({ rule, title }) => options.only === undefined || rule === options.only || title.includes(options.only),
  );
  const outcomes: Outcome[] = [];
  const queue = chosen.map((check, index) => ({ check, index }));
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      outcomes[next.index] = await runCheck(next.check, options, limits);
  };
  await Promise.all(Array.from({ length: options.parallel }, worker));
  return outcomes;
}

async function runCheck(check: Check, options: RunOptions, limits: Limits): Promise<Outcome> {
  const { rule, title } = check;
  const skipped = reasonToSkip(check, options, limits);
  if (skipped !== undefined) return { rule, title, outcome: "skipped", reason: skipped, ms: 0 };
  const context = new Context(options.url, limits, options.tokens);
  const began = performance.now();
  let reason: string | undefined;
  try {
    await check.run(context);
    reason = faultsOf(context);
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  context.end();
  const ms = Math.round(performance.now() - began);
  return reason === undefined
    ? { rule, title, outcome: "passed", ms }
    : { rule, title, outcome: "failed", reason, ms };
}

function reasonToSkip(check: Check, options: RunOptions, limits: Limits): string | undefined {
  if (check.needs === "mint" && !options.tokens.mints)
    return "needs tokens made to measure (--token-of secret:…)";
  if (check.needs === "dev" && !options.dev) return "needs a server in development mode (--token-of dev)";
  const takes = check.takes?.(limits) ?? 0;
  if (takes === Number.POSITIVE_INFINITY) return "needs a server with smaller limits";
  if (takes > options.longest) return `would take ${Math.ceil(takes / 1000)} s`;
  return undefined;
}

/** What every frame must obey, whatever the check was about: contiguous seq (F1), and the published schema. */
function faultsOf(context: Context): string | undefined {
  for (const client of context.clients) {
    if (client.faults[0] !== undefined) return client.faults[0];
    for (const frame of client.frames) {
      const fault = schemaFault(frame);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}

const document = JSON.parse(
  readFileSync(new URL("../../docs/protocol.schema.json", import.meta.url), "utf8"),
) as { $defs: Record<string, object> };
const checkers = new Map<string, { Check(value: unknown): boolean }>();

function schemaFault(frame: Frame): string | undefined {
  const name = schemaName(frame);
  const schema = document.$defs[name];
  if (schema === undefined) return `no frame is called ${name}: ${JSON.stringify(frame).slice(0, 200)}`;
  const checker = checkers.get(name) ?? Compile(schema);
  checkers.set(name, checker);
  return checker.Check(frame)
    ? undefined
    : `breaks the schema of ${name}: ${JSON.stringify(frame).slice(0, 300)}`;
}

function schemaName(frame: Frame): string {
  if (frame.re !== undefined) return frame.error === undefined ? "reply.status" : "reply.error";
  if (frame.type === "ack") return "serverAck";
  return frame.seq === undefined ? String(frame.type) : `push.${frame.type}`;
}

async function learnLimits(options: RunOptions): Promise<Limits> {
  const context = new Context(options.url, defaultLimits, options.tokens);
  try {
    const client = await context.connect(context.user("conformance"), "probe");
    return { ...defaultLimits, ...options.limits, ...client.welcome.limits };
  } finally {
    context.end();
  }
}
