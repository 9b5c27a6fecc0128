import type { Settings } from "../config/schema.ts";
import { Application } from "../hooks/application.ts";
import type { HookName, Hooks } from "../hooks/hooks.ts";
import { HttpHooks } from "../hooks/http-hooks.ts";
import { now, wallAhead } from "../net/clock.ts";
import { webhookKey } from "../net/standard-webhooks.ts";
import type { MetricsRegistry } from "../shared/metrics-registry.ts";
import { type AskedRequest, askedRequests } from "../signaling/policy.ts";

/** The hooks of a server: the functions of the program that it is part of, and for the others those of `hooks.url`. */
export interface JoinedApplication {
  readonly application: Application;
  /** True where a hook says who may sign in. */
  readonly authenticates: boolean;
  metrics(registry: MetricsRegistry): void;
}

/** Undefined where there are no hooks. The settings were checked: every secret can be read. */
export function joinApplication(
  { hooks: settings, limits }: Pick<Settings, "hooks" | "limits">,
  functions: Hooks,
  fault: (where: string, error: unknown) => void,
): JoinedApplication | undefined {
  const { url, secret, formerSecret, ask, timeout, whenDown } = settings;
  const wanted: readonly string[] = ask;
  const asks = new Set<AskedRequest>(askedRequests.filter((one) => wanted.includes(one)));
  const names = (["authenticate", "authorize", "wake"] as const).filter(
    (name) => functions[name] === undefined && (name === "authorize" ? asks.size > 0 : wanted.includes(name)),
  );
  const keys = [secret, formerSecret].flatMap((text) => webhookKey(text) ?? []);
  const http =
    url === ""
      ? undefined
      : new HttpHooks({ url, keys, timeout, names: new Set<HookName>(names), now, wallAhead });
  const hooks: Hooks = { ...http?.hooks, ...functions };
  if (Object.keys(hooks).length === 0) return undefined;
  const application = new Application({
    ...{ hooks, asks, timeout, whenDown, now },
    bodyBytes: limits.bodyBytes,
    failed: (hook, error) => fault(`hooks.${hook}`, error),
  });
  return {
    application,
    authenticates: hooks.authenticate !== undefined,
    metrics: (registry) => {
      registry.counter(
        "hook_failures_total",
        "Hooks that threw, were late or answered nonsense.",
        ["hook"],
        (set) => {
          for (const [hook, count] of Object.entries(application.failures)) set(count, { hook });
        },
      );
      if (http !== undefined)
        registry.gauge(
          "hooks_up",
          "0 while hooks.url is not asked, because it failed again and again.",
          [],
          (set) => set(http.state === "closed" ? 1 : 0),
        );
    },
  };
}
