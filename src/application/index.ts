/** For your application's server: tokens and the HTTP API, with nothing but `fetch` and Web Crypto. */
export { type Api, ApiError, type ApiOptions, createApi, type RequestOptions } from "./api.ts";
export { createToken, type TokenGrants, type TokenOptions } from "./create-token.ts";
export { type FollowedEvent, type FollowOptions, followEvents } from "./follow-events.ts";
export type { Operations } from "./operations.ts";
