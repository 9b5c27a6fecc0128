export type { SettingsInput } from "./config/schema.ts";
export { createSwitchboard, type SwitchboardServer, startSwitchboard } from "./server/listen.ts";
