import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(`${root}docs/client.md`, "utf8");

/** What the recipes take for granted. Each may make its own. */
const given = `
import { SwitchboardError, capture, connect } from "@switchboard/client";
import type { Call, Client, LocalMedia } from "@switchboard/client";
declare const client: Client;
declare const call: Call;
declare const media: LocalMedia;
declare const token: string;
declare const guestToken: string;
declare const blob: Blob;
declare const button: HTMLButtonElement;
declare const [mine, theirs, screen, audio]: HTMLVideoElement[] & { 0: HTMLVideoElement; 1: HTMLVideoElement; 2: HTMLVideoElement; 3: HTMLVideoElement };
declare const ui: {
  say(text: string): void;
  ask(text: string, yes: () => unknown, no: () => unknown): void;
  ring(name: string, actions: Record<string, () => unknown>): { close(reason: string, device?: string): void };
  tile(id: string, stream: MediaStream | null): void;
};
declare function useSyncExternalStore<T>(subscribe: (changed: () => void) => () => void, snapshot: () => T): T;
`;

mkdirSync(`${root}.cache`, { recursive: true });
const folder = mkdtempSync(`${root}.cache/recipes-`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("every recipe of docs/client.md compiles in strict mode", () => {
  const recipes = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);
  expect(recipes.length).toBeGreaterThan(10);
  for (const [at, recipe] of recipes.entries()) {
    const lines = recipe.split("\n");
    const own = lines.filter((line) => line.startsWith("import ") && !line.includes("@switchboard/client"));
    const body = lines.filter((line) => !line.startsWith("import "));
    const code = `${own.join("\n")}${given}export async function recipe() {\n${body.join("\n")}\n}\n`;
    writeFileSync(`${folder}/recipe-${at + 1}.ts`, code);
  }
  const paths = { "@switchboard/client": [`${root}src/client/index.ts`] };
  const options = { noUnusedLocals: false, types: [], paths };
  const config = { extends: `${root}tsconfig.json`, compilerOptions: options, include: ["*.ts"] };
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(config));
  const { stdout } = spawnSync(`${root}node_modules/.bin/tsc`, ["-p", folder, "--checkers", "1"], {
    encoding: "utf8",
  });
  expect(stdout).toBe("");
}, 60_000);

test("docs/client.md tells every code of the SDK's own", () => {
  const source = readFileSync(new URL("error.ts", import.meta.url), "utf8");
  const union = /export type ErrorCode =(.*?);/s.exec(source)?.[1] ?? "";
  const codes = [...union.matchAll(/"(\w+)"/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(5);
  expect(codes.filter((code) => !page.includes(`| \`${code}\` |`))).toEqual([]);
});
