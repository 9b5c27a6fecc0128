/** For your application's server: tokens, the HTTP API, and verification of webhooks and hooks, with nothing but `fetch` and Web Crypto. */
export { type Api, ApiError, type ApiOptions, createApi, type RequestOptions } from "./api.ts";
export { createToken, type TokenGrants, type TokenOptions } from "./create-token.ts";
export type { Events } from "./events.ts";
export { type FollowedEvent, type FollowOptions, followEvents } from "./follow-events.ts";
export type {
  AuthenticateAnswer,
  AuthenticateIdentity,
  AuthenticateQuestion,
  AuthorizeAnswer,
  AuthorizeQuestion,
  PlanStep,
  WakeAnswer,
  WakeQuestion,
} from "./hooks.ts";
export type { Operations } from "./operations.ts";
export {
  type HookRequest,
  type RequestBody,
  type RequestHeaders,
  VerificationError,
  type VerifyOptions,
  verifyHook,
  verifyWebhook,
  type Webhook,
} from "./verify.ts";
