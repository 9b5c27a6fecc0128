import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Scenario {
  /** Port of the server's TCP listener. */
  readonly port: number;
  /** Who sipp is, in development mode. */
  readonly user: string;
  /** Whom it calls or, by default, registers. */
  readonly to?: string;
  readonly password?: string;
  /** The scenario of calls that come in. */
  readonly calls?: string;
}

export interface RunningScenario {
  /** What was received and sent so far. */
  messages(): string;
  /** Resolves with what went wrong, empty for nothing, when sipp is through or is ended by `stop`. */
  readonly done: Promise<string>;
  stop(): void;
}

const file = (name: string) => fileURLToPath(new URL(`../sipp/${name}.xml`, import.meta.url));

/** Starts sipp with a scenario of `test/sip/sipp`, over one TCP connection. */
export function startSipp(
  name: string,
  { port, user, to = user, password = `dev:${user}`, calls }: Scenario,
): RunningScenario {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-sipp-"));
  const read = (log: string): string => {
    try {
      return readFileSync(join(folder, log), "utf8");
    } catch {
      return "";
    }
  };
  const target = `127.0.0.1:${port}`;
  const child = spawn(
    "sipp",
    [
      ...["-sf", file(name), ...(calls === undefined ? [] : ["-oocsf", file(calls)])],
      ...["-t", "t1", "-i", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "60s", "-timeout_error"],
      ...["-key", "user", user, "-s", to, "-au", user, "-ap", password],
      // What the digest is about: the URI that the scenarios ask for.
      ...["-auth_uri", calls === undefined && to !== user ? `${to}@${target}` : target],
      ...["-trace_msg", "-message_file", join(folder, "messages")],
      ...["-trace_err", "-error_file", join(folder, "errors"), target],
    ],
    { cwd: folder, stdio: "ignore" },
  );
  let stopped = false;
  const done = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code) => {
      const errors = read("errors");
      rmSync(folder, { recursive: true, force: true });
      resolve(errors !== "" ? errors : stopped || code === 0 ? "" : `sipp ended with ${code}`);
    });
  });
  return {
    messages: () => read("messages"),
    done,
    stop: () => {
      stopped = true;
      child.kill("SIGKILL");
    },
  };
}
