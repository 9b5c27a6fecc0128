import { parseArgs } from "node:util";
import { type Outcome, runChecks } from "./run-checks.ts";
import { tokenSource } from "./token-source.ts";

const usage = `Checks a running server against docs/protocol.md.

usage: run.ts URL [options]           for example  run.ts ws://127.0.0.1:8080/ws --token-of dev

  --token-of SPEC    dev | a template with {user} | secret:SECRET?iss=I&aud=A | command:PROGRAM
  --limits JSON      limits of the server that welcome does not tell, such as {"unreachableAfter":500}
  --longest SECONDS  skip checks that would take longer (default 20)
  --only TEXT        one rule, or the checks whose title holds the text
  --parallel N       checks at a time (default 6)
  --json             the report as JSON
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "token-of": { type: "string", default: "dev" },
    limits: { type: "string", default: "{}" },
    longest: { type: "string", default: "20" },
    only: { type: "string" },
    parallel: { type: "string", default: "6" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const [url] = positionals;
if (url === undefined || values.help) {
  console.log(usage);
  process.exit(values.help ? 0 : 2);
}

const outcomes = await runChecks({
  url,
  tokens: tokenSource(values["token-of"]),
  dev: values["token-of"] === "dev",
  limits: JSON.parse(values.limits),
  longest: Number(values.longest) * 1_000,
  ...(values.only === undefined ? {} : { only: values.only }),
  parallel: Number(values.parallel),
}).catch((error: Error) => {
  console.error(`Nobody could sign in at ${url}: ${error.message}`);
  process.exit(2);
});

if (values.json) console.log(JSON.stringify({ url, ...count(outcomes), checks: outcomes }, null, 2));
else print(outcomes);
process.exit(outcomes.some(({ outcome }) => outcome === "failed") ? 1 : 0);

function print(all: readonly Outcome[]): void {
  const signs = { passed: "ok  ", failed: "FAIL", skipped: "skip" };
  for (const { rule, title, outcome, reason, ms } of all) {
    console.log(
      `${signs[outcome]}  ${rule.padEnd(4)} ${title}${ms > 1_000 ? ` (${(ms / 1000).toFixed(1)} s)` : ""}`,
    );
    if (reason !== undefined) console.log(`            ${reason}`);
  }
  const { passed, failed, skipped } = count(all);
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
}

function count(all: readonly Outcome[]) {
  const of = (outcome: Outcome["outcome"]) => all.filter((one) => one.outcome === outcome).length;
  return { passed: of("passed"), failed: of("failed"), skipped: of("skipped") };
}
