export type { SettingsInput } from "./config/schema.ts";
export { createSwitchboard, type SwitchboardServer } from "./server/listen.ts";
