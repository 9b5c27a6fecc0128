import { type Signal, signal } from "@preact/signals";
import { type Api, ApiError, createApi } from "../../application/api.ts";
import type { Operations } from "../../application/operations.ts";
import { base } from "../base.ts";
import { type Place, readPlace } from "./place.ts";
import { plain } from "./text.ts";

type OwnKey = Operations["getOwnKey"]["output"];
export type Scope = OwnKey["scopes"][number];

/** Development mode's key. The server takes it from this machine only. */
const developmentKey = "dev:admin";
const storedAs = "switchboard.console.key";

/** What the console can be doing. */
export type Standing =
  | { readonly at: "opening" }
  | { readonly at: "signed-out"; readonly problem?: string }
  | { readonly at: "signed-in"; readonly api: Api; readonly key: OwnKey; readonly secret: string };

/** A question before something that can't be undone. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  run(): void;
}

/** The state of the console, and what its buttons do. */
export class Console {
  readonly standing: Signal<Standing> = signal({ at: "opening" });
  readonly place: Signal<Place> = signal(readPlace(location.hash));
  readonly question: Signal<Question | undefined> = signal(undefined);
  /** A short message, read aloud once. */
  readonly note: Signal<{ readonly text: string } | undefined> = signal(undefined);
  /** Why the server can't be asked; undefined while it answers. */
  readonly trouble: Signal<string | undefined> = signal(undefined);
  /** Grows when lists should be asked for again at once. */
  readonly pulse = signal(0);

  constructor() {
    addEventListener("hashchange", () => {
      this.place.value = readPlace(location.hash);
    });
  }

  /** Signs in with the key of this tab, else with development mode's. */
  async open(): Promise<void> {
    const kept = stored();
    if (kept !== undefined) return await this.signIn(kept);
    const own = await ownKey(developmentKey).catch(() => undefined);
    if (own?.development) this.#enter(developmentKey, own);
    else this.standing.value = { at: "signed-out" };
  }

  async signIn(key: string): Promise<void> {
    this.standing.value = { at: "opening" };
    try {
      this.#enter(key, await ownKey(key));
      store(key);
    } catch (error) {
      this.signOut(problemOf(error));
    }
  }

  #enter(secret: string, key: OwnKey): void {
    this.standing.value = { at: "signed-in", api: apiWith(secret), key, secret };
  }

  signOut(problem?: string): void {
    store(undefined);
    this.standing.value = problem === undefined ? { at: "signed-out" } : { at: "signed-out", problem };
  }

  /** Undefined while nobody is signed in. */
  get api(): Api | undefined {
    const standing = this.standing.value;
    return standing.at === "signed-in" ? standing.api : undefined;
  }

  /** Whether the key has this scope. */
  may(scope: Scope): boolean {
    const standing = this.standing.value;
    return standing.at === "signed-in" && standing.key.scopes.includes(scope);
  }

  say(text: string): void {
    this.note.value = { text: plain(text) };
  }

  /** Asks the server to do something, says how that went, and looks at the lists again. Answers what the server did. */
  async act<T>(done: string, request: (api: Api) => Promise<T>): Promise<T | undefined> {
    const api = this.api;
    if (api === undefined) return undefined;
    try {
      const result = await request(api);
      if (done !== "") this.say(done);
      this.pulse.value += 1;
      return result;
    } catch (error) {
      this.failed(error);
      this.say(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** A request has failed: signs out where the key is no longer valid. Answers what to show in its place. */
  failed(error: unknown): string {
    if (error instanceof ApiError && error.status === 401) this.signOut(problemOf(error));
    const away = error instanceof ApiError && error.status === 0;
    this.trouble.value = away ? "The server does not answer. Trying again…" : undefined;
    return error instanceof Error ? error.message : String(error);
  }

  /** A request was answered. */
  answered(): void {
    if (this.trouble.peek() !== undefined) this.trouble.value = undefined;
  }
}

function apiWith(key: string): Api {
  return createApi({ url: base, key });
}

function ownKey(key: string): Promise<OwnKey> {
  return apiWith(key).getOwnKey();
}

function problemOf(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error);
  if (error.status === 0) return "The server does not answer.";
  if (error.status === 404)
    return "The API is not at this address: open the console at the server’s admin.port.";
  if (error.status === 403) return `This key can’t look at the server: ${error.message}`;
  return error.message;
}

/** The key of this tab: it ends with the tab, and no other tab sees it. */
function stored(): string | undefined {
  try {
    return sessionStorage.getItem(storedAs) ?? undefined;
  } catch {
    return undefined;
  }
}

function store(key: string | undefined): void {
  try {
    if (key === undefined) sessionStorage.removeItem(storedAs);
    else sessionStorage.setItem(storedAs, key);
  } catch {
    // Without storage the key lasts until the page is closed.
  }
}
