import type {
  AuthenticateAnswer,
  AuthenticateQuestion,
  AuthorizeAnswer,
  AuthorizeQuestion,
  WakeAnswer,
  WakeQuestion,
} from "../application/hooks.ts";

type Soon<T> = T | Promise<T>;

/** What the application decides. Each function may answer at once or later; `hooks.timeout` bounds it. */
export interface Hooks {
  /** Who a token speaks for: any token of the application's own, such as a session's. */
  authenticate?(question: AuthenticateQuestion): Soon<AuthenticateAnswer>;
  /** Whether a request is carried out. */
  authorize?(question: AuthorizeQuestion): Soon<AuthorizeAnswer>;
  /** Wakes a device, for instance by a push message. */
  wake?(question: WakeQuestion): Soon<WakeAnswer>;
}

export type HookName = keyof Hooks;
