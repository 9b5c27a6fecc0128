export type {
  AuthenticateAnswer,
  AuthenticateIdentity,
  AuthenticateQuestion,
  AuthorizeAnswer,
  AuthorizeQuestion,
  PlanStep,
  WakeAnswer,
  WakeQuestion,
} from "./application/hooks.ts";
export type { SettingsInput } from "./config/schema.ts";
export type { Hooks } from "./hooks/hooks.ts";
export type { TokenRequest } from "./server/create-token.ts";
export {
  createSwitchboard,
  type EmbeddedSwitchboard,
  type SwitchboardOptions,
  type SwitchboardServer,
} from "./server/listen.ts";
export type { ObservedEvent, Observer } from "./server/observers.ts";
